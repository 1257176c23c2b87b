"""What the README shows of a command is what the command prints."""

import os
import re
import subprocess

import pytest

from tests.example import ROOT
from tests.workflows.workflow import VENV

README = (ROOT / "README.md").read_text()

# A command of the CLI that needs nothing but this checkout, and what is printed below it.
SHOWN = re.compile(r"^    \$ (reverse-registry (?:resolve|list|search|diff) .*)\n((?:    .*\n)+)", re.MULTILINE)
COMMANDS = SHOWN.findall(README)


def test_each_is_found() -> None:
    assert len(COMMANDS) >= 5
    assert "    $ export PATH=$PWD/.venv/bin:$PATH REVERSE_REGISTRY_INDEX=tests/example\n" in README


@pytest.mark.parametrize(("command", "shown"), COMMANDS, ids=[command for command, _ in COMMANDS])
def test_it_prints_what_is_shown_in_that_order(command: str, shown: str) -> None:
    environment = os.environ | {"PATH": f"{VENV}:{os.environ['PATH']}", "REVERSE_REGISTRY_INDEX": "tests/example"}
    done = subprocess.run(command, shell=True, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed = iter(done.stdout.splitlines())
    for line in shown.splitlines():
        if line.strip() != "…":
            assert line.removeprefix("    ") in printed


def test_every_file_that_it_leads_to_is_there() -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_every_test_that_security_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "SECURITY.md").read_text()))
    defined = {
        name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    assert len(named) > 25
    assert named - defined == set()
