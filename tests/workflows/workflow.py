"""Workflows as data, read from the part of YAML that they are written in, and their steps as GitHub runs them.

There is no YAML parser among the dependencies; what this one does not know, it refuses.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

from tests.example import ROOT

FOLDER = ROOT / ".github" / "workflows"
NAMES = sorted(path.name for path in FOLDER.glob("*.y*ml"))
VENV = Path(sys.executable).parent

_KEY = re.compile(r"([A-Za-z_][\w-]*):(?: +(.*))?")


def load(text: str) -> Any:
    """Every scalar is a string. Raises ValueError."""
    lines = text.splitlines()
    _skip(lines)
    value = _block(lines, 0)
    if lines:
        raise ValueError(f"not understood: {lines[0]!r}")
    return value


def workflow(name: str) -> Any:
    return load((FOLDER / name).read_text())


def _skip(lines: list[str]) -> None:
    while lines and (not lines[0].strip() or lines[0].lstrip().startswith("#")):
        del lines[0]


def _depth(lines: list[str]) -> int:
    """-1 where there are no more lines."""
    _skip(lines)
    return len(lines[0]) - len(lines[0].lstrip()) if lines else -1


def _block(lines: list[str], depth: int) -> Any:
    if lines[0][depth:].startswith("- "):
        items = []
        while _depth(lines) == depth and lines[0][depth:].startswith("- "):
            lines[0] = lines[0].replace("- ", "  ", 1)
            items.append(_block(lines, depth + 2))
        return items
    if not _KEY.fullmatch(lines[0][depth:]):
        return _scalar(lines.pop(0)[depth:])
    mapping: dict[str, Any] = {}
    while _depth(lines) == depth:
        entry = _KEY.fullmatch(lines[0][depth:])
        if not entry or entry[1] in mapping:
            raise ValueError(f"not understood: {lines[0]!r}")
        del lines[0]
        mapping[entry[1]] = _value(lines, depth, entry[2] or "")
    return mapping


def _value(lines: list[str], depth: int, text: str) -> Any:
    if text in ("|", ">-"):
        body = []
        while lines and (not lines[0].strip() or len(lines[0]) - len(lines[0].lstrip()) > depth):
            body.append(lines.pop(0))
        block = dedent("\n".join(body)).strip("\n")
        return f"{block}\n" if text == "|" else block.replace("\n", " ")
    if text:
        return _scalar(text)
    deeper = _depth(lines)
    return _block(lines, deeper) if deeper > depth else ""


def _scalar(text: str) -> Any:
    if text.startswith('"'):
        return json.loads(text)
    text = re.sub(r"(?:^| +)#.*", "", text)
    if text == "{}":
        return {}
    if text.startswith("[") and text.endswith("]"):
        return [_scalar(item.strip()) for item in text[1:-1].split(",")]
    if text[:1] in tuple("&*!|>%@`'{[,?") or ": " in text:
        raise ValueError(f"not understood: {text!r}")
    return text


@dataclass(frozen=True)
class Step:
    """A step that was run: `log` is what it printed, `summary` its part of the job's summary."""

    name: str
    code: int
    log: str
    summary: str


@dataclass
class Job:
    """The `run:` steps of a job, as they stand, in order, in a checkout that is there already.

    `environment` is what the steps before them (`uses:`) would have made.
    """

    steps: list[dict[str, Any]]
    checkout: Path
    environment: Mapping[str, str]
    meanwhile: Mapping[str, Callable[[], object]] = field(default_factory=dict)
    interrupt: Mapping[str, Callable[[subprocess.Popen[str]], object]] = field(default_factory=dict)

    def run(self) -> dict[str, Step]:
        """Each step that was run. `meanwhile` is done before a step, `interrupt` to the process of one."""
        done: dict[str, Step] = {}
        for step in self.steps:
            if "run" in step and self._is_due(step.get("if"), done):
                name = step["name"]
                if name in self.meanwhile:
                    self.meanwhile[name]()
                done[name] = self._run(name, step["run"])
        return done

    @staticmethod
    def _is_due(condition: str | None, done: Mapping[str, Step]) -> bool:
        assert condition in (None, "${{ !cancelled() }}")
        return condition is not None or not any(step.code for step in done.values())

    def _run(self, name: str, script: str) -> Step:
        assert "${{" not in script
        temporary = self.checkout.with_suffix(".step")
        temporary.mkdir(exist_ok=True)
        file, summary = temporary / "script.sh", temporary / "summary.md"
        file.write_text(script)
        summary.write_text("")
        # What `shell: bash` means (GitHub's documentation of workflow syntax).
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(file)]
        environment = {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
        with subprocess.Popen(
            command,
            cwd=self.checkout,
            env=os.environ | self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            if name in self.interrupt:
                self.interrupt[name](process)
            log, _ = process.communicate(timeout=60)
        return Step(name, process.returncode, log, summary.read_text())
