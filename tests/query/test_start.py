"""What the program imports before it does anything: whoever presses Tab waits for all of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from generator.cli import Commands
from generator.cli.commands import Deferred
from tests.example import ROOT

HEAVY = {"cryptography", "jinja2", "jsonschema", "oras", "requests", "sigstore", "tomlkit"}
NOT_FOR_HELP = HEAVY | {"msgspec", "packageurl", "rich", "tenacity", "univers"}
COMPLETION = {
    "_REVERSE_REGISTRY_COMPLETE": "complete_bash",
    "COMP_WORDS": "reverse-registry re",
    "COMP_CWORD": "1",
    "_TYPER_COMPLETE_ARGS": "reverse-registry re",
}
COMMANDS = [each for commands in Commands.sections.values() for each in commands]


def imported(*words: object, **environment: str) -> set[str]:
    """The packages that have been imported when the program ends."""
    code = (
        "import atexit, sys; atexit.register(lambda: print(*sys.modules)); sys.argv[0] = 'reverse-registry'; "
        "from generator.cli import main; main()"
    )
    command = [sys.executable, "-c", code, *map(str, words)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    *said, modules = done.stdout.splitlines()
    assert said or done.stderr
    assert "Traceback" not in done.stderr
    return {name.partition(".")[0] for name in modules.split()}


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["nonsense"]], ids=" ".join)
def test_what_a_command_needs_is_imported_for_it_alone(words: list[str]) -> None:
    assert not imported(*words) & NOT_FOR_HELP


def test_completion_of_commands_imports_none_of_them() -> None:
    assert not imported(**COMPLETION) & NOT_FOR_HELP


@pytest.mark.parametrize("words", [["list"], ["resolve", "example/nginx:1"], ["search", "libssl3"]], ids=" ".join)
def test_a_query_imports_no_client_of_registries(committed: Path, words: list[str]) -> None:
    packages = imported(*words, "--index", committed)
    assert "msgspec" in packages
    assert not packages & HEAVY


@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: each.name)
def test_the_list_of_commands_tells_the_first_of_what_each_tells_of_itself(command: Deferred) -> None:
    assert command.help == command.load().help.partition("\n\n")[0].replace("\n", " ")
