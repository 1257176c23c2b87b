"""A job's steps as GitHub runs them: an action's in place of `uses`, each with no more than a runner gives it."""

import re
import stat
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.example import ROOT
from tests.workflows.workflow import VENV, load

PROJECT = re.compile(r"\./|reverse-registry/reverse-registry@v\S+")

# In place of what installs: a folder that looks as if it had, and runs the project as the action has it.
PYTHON3 = """\
#!/bin/sh
[ "$1 $2" = "-m venv" ] || exit 2
mkdir -p "$3/bin"
printf '#!/bin/sh\\necho "$@" >> {log}\\n' > "$3/bin/pip"
printf '#!/bin/sh\\nPYTHONPATH="$GITHUB_ACTION_PATH" exec {python} -P -m generator "$@"\\n' > "$3/bin/reverse-registry"
chmod +x "$3"/bin/*
"""


@dataclass(frozen=True)
class Step:
    """A step that was run: `log` is what it printed, `summary` its part of the job's summary."""

    name: str
    code: int
    log: str
    summary: str


@dataclass
class Job:
    """The `run:` steps of a job in a checkout that is there already, in order.

    `project` is the folder of the version of this project that its action is used of, `variables` are the repository's.
    """

    steps: list[dict[str, Any]]
    checkout: Path
    project: Path = ROOT
    variables: Mapping[str, str] = field(default_factory=dict)
    meanwhile: Mapping[str, Callable[[], object]] = field(default_factory=dict)
    interrupt: Mapping[str, Callable[[subprocess.Popen[str]], object]] = field(default_factory=dict)
    hour: str = "12"

    def run(self) -> dict[str, Step]:
        """Each step that was run. `meanwhile` is done before a step, `interrupt` to the process of one."""
        done: dict[str, Step] = {}
        self._runner.mkdir()
        (self._runner / "bin").mkdir()
        python3 = PYTHON3.format(log=self.pip_log, python=VENV / "python")
        for name, text in {"python3": python3, "date": f"#!/bin/sh\necho {self.hour}\n"}.items():
            command = self._runner / "bin" / name
            command.write_text(text)
            command.chmod(command.stat().st_mode | stat.S_IXUSR)
        for step, inputs in self._flat():
            if _is_due(step.get("if", "success()"), inputs, done):
                name = step["name"]
                if name in self.meanwhile:
                    self.meanwhile[name]()
                done[name] = self._run(step, inputs)
        return done

    @property
    def pip_log(self) -> Path:
        return self._runner / "pip.log"

    @property
    def _runner(self) -> Path:
        return self.checkout.with_suffix(".runner")

    def _flat(self) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
        for step in self.steps:
            if PROJECT.fullmatch(step.get("uses", "")):
                action = load(self.project / "action.yml")
                given = {name: _expand(text, {}, self.variables) for name, text in step.get("with", {}).items()}
                inputs = {name: given.get(name, each["default"]) for name, each in action["inputs"].items()}
                yield from ((each, inputs) for each in action["runs"]["steps"])
            elif "run" in step:
                yield step, {}

    def _run(self, step: dict[str, Any], inputs: Mapping[str, str]) -> Step:
        file, summary = self._runner / "script.sh", self._runner / "summary.md"
        file.write_text(step["run"])
        summary.write_text("")
        given = {key: _expand(value, inputs) for key, value in step.get("env", {}).items()}
        environment = {
            "PATH": f"{self._runner / 'bin'}:/usr/bin:/bin",
            "HOME": str(self._runner),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(self.checkout),
            "GITHUB_ACTION_PATH": str(self.project),
            "GITHUB_STEP_SUMMARY": str(summary),
            "RUNNER_TEMP": str(self._runner),
        }
        # What `shell: bash` means (GitHub's documentation of workflow syntax).
        with subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(file)],
            cwd=self.checkout,
            env=environment | given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            if step["name"] in self.interrupt:
                self.interrupt[step["name"]](process)
            log, _ = process.communicate(timeout=100)
        return Step(step["name"], process.returncode, log, summary.read_text())


def _expand(text: str, inputs: Mapping[str, str], variables: Mapping[str, str] = MappingProxyType({})) -> str:
    """By the few expressions that are used; any other is a KeyError."""
    values = {f"inputs.{name}": value for name, value in inputs.items()}
    if found := re.fullmatch(r"\$\{\{ vars\.(\w+) == 'true' && '(\w+)' \|\| '' \}\}", text):
        return found[2] if variables.get(found[1]) == "true" else ""
    return re.sub(r"\$\{\{ (.+?) \}\}", lambda found: values[found[1]], text)


def _is_due(condition: str, inputs: Mapping[str, str], done: Mapping[str, Step]) -> bool:
    """By the few expressions that are used; any other is a KeyError."""
    values = {"!cancelled()": True, "success()": not any(step.code for step in done.values())}
    values |= {f"inputs.{name} != ''": bool(value) for name, value in inputs.items()}
    terms = condition.removeprefix("${{ ").removesuffix(" }}").split(" && ")
    if not any("(" in term for term in terms):
        terms.append("success()")
    return all(values[term] for term in terms)
