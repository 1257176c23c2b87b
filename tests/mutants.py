"""`make mutants`: changes of the code that no test notices, by mutmut, package by package.

Each package is measured by the tests that are about it, and of these by those that reach the function that was changed.
A run goes on where the one before it stopped.
"""

import argparse
import hashlib
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "mutants"

TESTS = {
    "generator/query": ["tests/query"],
    "generator/record": [
        "tests/generator/record",
        *(f"tests/generator/test_{name}.py" for name in ("packages", "schema", "tags")),
        *(f"tests/query/test_{name}.py" for name in ("contents", "list", "resolve", "search")),
        *(f"tests/check/test_{name}.py" for name in ("against", "check")),
    ],
    "generator/resolve": [
        "tests/generator/resolve",
        "tests/trust",
        *(f"tests/generator/test_{name}.py" for name in ("versions", "hostile", "refused", "packages")),
    ],
    "generator/upstream": [
        "tests/generator/upstream",
        "tests/credentials",
        *(f"tests/generator/test_{name}.py" for name in ("faults", "hostile", "hostile_answers")),
        "tests/generator/test_history.py::test_every_record_is_found_whichever_end_an_answer_begins_at",
        *(f"tests/generator/resolve/test_{name}.py" for name in ("homes", "snapshot")),
    ],
    "server/index": ["tests/server"],
    "server/registry": ["tests/server"],
    "server/upstream": ["tests/server"],
}
# These start other processes, in which the code is not seen to be reached.
_ELSEWHERE = [
    "tests/query/test_output.py",
    "tests/server/app/test_fuzz.py",
    "tests/server/app/test_running.py",
    "tests/server/app/test_soak.py",
]
# What the type checker refuses needs no test. The two codes are of mutmut's own making.
_TYPES = ["../../../.venv/bin/python", "-m", "mypy", "--output", "json"]
_TYPES += [f"--disable-error-code={code}" for code in ("unused-ignore", "no-redef", "name-defined")]
# The words of a message are no behaviour that a test should hold.
_WORDS = [r"^\s*raise \w+\($", r'^\s*raise \w+\(f?".*"\)( from \w+)?$']

KILLED, UNTYPED = "killed", "ill-typed"
_STATUS = {0: "survived", 1: KILLED, 3: KILLED, 33: "no test", 37: UNTYPED} | dict.fromkeys((24, 36, -24), "timeout")


def prepare(package: str) -> Path:
    """A folder in which mutmut finds the project, and its settings for one package."""
    folder = FOLDER / package.replace("/", "-")
    folder.mkdir(parents=True, exist_ok=True)
    for path in ROOT.iterdir():
        link = folder / path.name
        if path.name not in {"mutants", "pyproject.toml", ".venv", ".git"} and not link.exists():
            link.symlink_to(path)
    settings = {
        "source_paths": ["generator", "server"],
        "only_mutate": [f"{package}/*.py"],
        "also_copy": [".github", "Dockerfile", "Makefile", "README.md", "action.yml", "index"],
        "do_not_mutate_patterns": _WORDS,
        "type_check_command": [*_TYPES, package.partition("/")[0]],
        "pytest_add_cli_args": [
            "--timeout=30",
            "--hypothesis-profile=mutants",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
        ],
        "pytest_add_cli_args_test_selection": [*TESTS[package], *(f"--ignore={path}" for path in _ELSEWHERE)],
        "timeout_constant": 30.0,
        "timeout_multiplier": 2.0,
        "use_git_change_detection": False,
    }
    lines = (f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
    project = (ROOT / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text(f"{project}\n[tool.mutmut]\n{''.join(lines)}")
    return folder


def results(folder: Path) -> dict[str, str]:
    """What became of each change, by its name; "" where it was not tried yet."""
    found: dict[str, str] = {}
    for path in sorted((folder / "mutants").rglob("*.meta")):
        for name, code in json.loads(path.read_bytes())["exit_code_by_key"].items():
            found[name] = "" if code is None else _STATUS.get(code, f"status {code}")
    return found


def run(folder: Path, jobs: int, sample: int | None) -> None:
    """Tries what was not tried yet; of a `sample` what is of it, the same at each run."""
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(jobs)]
    if sample is None:
        subprocess.run(command, cwd=folder, check=True)
        return
    # It makes the changes before it finds that none has such a name.
    subprocess.run([*command, "none"], cwd=folder, check=False, capture_output=True)
    known = results(folder)
    chosen = sorted(known, key=lambda name: hashlib.sha256(name.encode()).digest())[:sample]
    if untried := [name for name in chosen if not known[name]]:
        subprocess.run([*command, *untried], cwd=folder, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help=f"of {', '.join(TESTS)}; all of them if none")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--sample", type=int, help="so many of each package's changes, by chance, ill-typed ones included"
    )
    parser.add_argument("--show", action="store_true", help="tell what was found so far, and run nothing")
    wanted = parser.parse_args()
    if unknown := set(wanted.packages) - TESTS.keys():
        parser.error(f"no package {', '.join(sorted(unknown))}; of {', '.join(TESTS)}")
    for package in wanted.packages or TESTS:
        folder = prepare(package)
        if not wanted.show:
            run(folder, wanted.jobs, wanted.sample)
        found = {name: status for name, status in results(folder).items() if status}
        for name, status in found.items():
            if status not in (KILLED, UNTYPED):
                print(f"  {status}: {name}")
        count = Counter(found.values())
        tried = len(found) - count[UNTYPED]
        if tried:
            print(
                f"{package}: {count[KILLED]} of {tried} killed, {count[KILLED] / tried:.0%}; "
                f"{count[UNTYPED]} more are ill-typed"
            )


if __name__ == "__main__":
    main()
