import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.example import ROOT
from tests.query.made import Made, build, edit, run

COMMANDS = ("init", "add", "refresh", "check", "resolve", "packages", "diff", "log", "search")
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def on_terminal(*words: object, width: int = 100) -> str:
    """What a command shows on a terminal, colours taken off."""
    leader, follower = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": str(width)}
    command = [sys.executable, "-m", "generator", *map(str, words)]
    with subprocess.Popen(command, stdout=follower, stderr=follower, env=environment, cwd=ROOT) as process:
        os.close(follower)
        shown = b""
        while chunk := _read(leader):
            shown += chunk
    os.close(leader)
    assert process.returncode == 0
    return ESCAPE.sub("", shown.decode()).replace("\r\n", "\n")


def _read(leader: int) -> bytes:
    try:
        return os.read(leader, 65536)
    except OSError:
        return b""  # Linux ends a terminal so


def lone(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "generator", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    done = run(command, "--help")
    assert done.exit_code == 0
    assert "--json" in done.output or command in ("init", "add", "refresh")


def test_a_terminal_gets_no_line_that_is_wider_than_it_is(committed: Path) -> None:
    for words in (("search", "libssl3"), ("log", "example/nginx"), ("resolve", "example/nginx:1")):
        lines = on_terminal(*words, "--index", committed).splitlines()
        assert max(map(len, lines)) <= 100


def test_a_pipe_gets_every_row_on_one_line(committed: Path) -> None:
    rows = lone("search", "libssl3", "--index", committed).stdout.splitlines()
    assert len(rows) == 1 + 21 + 1
    assert all(row == row.rstrip() for row in rows)


def test_a_program_gets_plain_ascii(made: Made) -> None:
    made.image("demo", [(build("1.0-r0", "2026-01-01"), [])])
    edit(made.folder / "demo/index.json", lambda document: document["builds"][0].update(version="1\x9b31m\u202e"))
    shown = lone("packages", "demo:latest", "--json", "--index", made.folder).stdout
    assert shown.isascii()
    assert json.loads(shown)["build"]["version"] == "1\x9b31m\u202e"


def test_what_others_wrote_does_not_act_on_a_terminal(made: Made) -> None:
    made.image("demo", [(build("1.0-r0", "2026-01-01"), ["apk/wolfi/%5Bred%5Devil@1-r0"])])
    assert "[red]evil  1-r0" in on_terminal("packages", "demo:1", "--index", made.folder)
    assert "[red]evil" in on_terminal("search", "[red]evil", "--index", made.folder)
    edit(made.folder / "demo/index.json", lambda document: document["builds"][0].update(version="1\x1b]0;title\x07"))
    assert "1?]0;title?" in on_terminal("resolve", "demo:latest", "--index", made.folder)


def test_an_error_is_one_line_on_standard_error_and_code_2(committed: Path) -> None:
    done = lone("resolve", "example/nginx:1.27.9", "--index", committed)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("reverse-registry: example/nginx has no tag 1.27.9; the closest: 1.27.4")
    assert lone("search", "xz", "--index", committed / "nowhere").returncode == 2
