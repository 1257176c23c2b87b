import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from generator.cli import app
from tests.command import command
from tests.example import ROOT
from tests.query.made import Made, build, edit, run
from tests.upstream import ExampleUpstream, Options

WRITERS = ("init", "add", "remove", "refresh", "publish")
QUERIES = ("check", "list", "resolve", "packages", "diff", "log", "search")
COMMANDS = (*WRITERS, *QUERIES)
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def on_terminal(*words: object, width: int = 100) -> str:
    """What a command shows on a terminal, colours taken off."""
    leader, follower = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": str(width)}
    program = [sys.executable, "-m", "generator", *map(str, words)]
    with subprocess.Popen(program, stdout=follower, stderr=follower, env=environment, cwd=ROOT) as process:
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


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    done = run(name, "--help")
    assert done.exit_code == 0
    assert done.output == run(name, "-h").output
    assert ("--json" in done.output) == (name in QUERIES)
    assert "REVERSE_REGISTRY_INDEX" in done.output or name == "init"


@pytest.mark.parametrize(
    ("width", "words"),
    [
        (60, ("list",)),
        (60, ("list", "example/nginx")),
        (60, ("search", "libssl3")),
        (60, ("search", "libssl3", "--all")),
        (60, ("search", "libssl3", "--tagged")),
        (60, ("log", "example/nginx")),
        (60, ("packages", "example/nginx:1")),
        (60, ("diff", "example/nginx:1.27", "example/nginx:1")),
        (60, ("resolve", "example/nginx:1")),
        (60, ("check",)),
        (80, ("search", "libssl3")),
        (120, ("search", "libssl3")),
    ],
    ids=str,
)
def test_a_terminal_gets_no_line_that_is_wider_than_it_is(committed: Path, words: tuple[str, ...], width: int) -> None:
    """But for digests: one that is broken over two lines cannot be pasted."""
    shown = on_terminal(*words, "--index", committed, width=width)
    lines = [line for line in shown.splitlines() if "sha256:" not in line and str(committed) not in line]
    assert max(map(len, lines), default=0) <= width
    in_a_pipe = run(*words, index=committed).output
    assert set(shown.split()) <= {*in_a_pipe.replace(",", "").split(), *in_a_pipe.split()}, "a word was folded"


@pytest.mark.parametrize("name", ["", *COMMANDS])
@pytest.mark.parametrize("width", [60, 80, 120])
def test_help_fits_and_folds_no_word(name: str, width: int) -> None:
    words = [*name.split(), "--help"]
    shown, wide = (CliRunner().invoke(app, words, terminal_width=each).output for each in (width, 500))
    assert max(map(len, shown.splitlines())) <= width
    assert not re.search(r"<\w+>", shown)
    assert "…" not in shown + wide
    assert "..." not in shown.replace("]...", "").replace("IMAGE...", "")
    assert shown.split() == wide.split()


def test_a_pipe_gets_every_row_on_one_line(committed: Path) -> None:
    rows = command("search", "libssl3", "--all", "--index", committed).stdout.splitlines()
    assert len(rows) == 1 + 21 + 1
    assert all(row == row.rstrip() for row in rows)


def test_a_program_gets_plain_ascii(made: Made) -> None:
    made.image("demo", [(build("1.0-r0", "2026-01-01"), [])])
    edit(made.folder / "demo/index.json", lambda document: document["builds"][0].update(version="1\x9b31m\u202e"))
    shown = command("packages", "demo:latest", "--json", "--index", made.folder).stdout
    assert shown.isascii()
    assert json.loads(shown)["build"]["version"] == "1\x9b31m\u202e"


def test_what_others_wrote_does_not_act_on_a_terminal(made: Made) -> None:
    made.image("demo", [(build("1.0-r0", "2026-01-01"), ["apk/wolfi/%5Bred%5Devil@1-r0"])])
    assert "[red]evil  1-r0" in on_terminal("packages", "demo:1", "--index", made.folder)
    assert "[red]evil" in on_terminal("search", "[red]evil", "--index", made.folder)
    edit(made.folder / "demo/index.json", lambda document: document["builds"][0].update(version="1\x1b]0;title\x07"))
    assert "1?]0;title?" in on_terminal("resolve", "demo:latest", "--index", made.folder)


def test_an_error_is_one_line_on_standard_error_and_code_2(committed: Path) -> None:
    done = command("resolve", "example/nginx:1.27.9", "--index", committed)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("reverse-registry: example/nginx has no tag 1.27.9; the closest: 1.27.4")
    assert command("search", "xz", "--index", committed / "nowhere").returncode == 2


def test_every_command_takes_the_index_from_the_environment(committed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVERSE_REGISTRY_INDEX", str(committed))
    for words in (["check"], ["list"], ["resolve", "example/nginx:1"], ["search", "libssl3"], ["log", "example/nginx"]):
        done = command(*words)
        assert (done.returncode, done.stderr) == (0, ""), words
    assert "sha256:" in command("resolve", "example/nginx:1").stdout


def test_the_version_is_told_in_one_line() -> None:
    assert re.fullmatch(r"reverse-registry \S+\n", command("-V").stdout)
    assert command("-V").stdout == command("--version").stdout


def test_colours_are_left_out_where_they_are_not_wanted(committed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    for words in (("list",), ("search", "libssl3"), ("log", "example/nginx")):
        assert not re.search(r"\x1b\[(?:3|4|9|10)\d", command(*words, "--index", committed).stdout)
    assert "\x1b" not in command("list", "--index", committed).stdout


@pytest.mark.parametrize("words", [("log", "example/nginx"), ("search", "libssl3", "--all"), ("list", "example/nginx")])
def test_whoever_reads_may_stop_reading(committed: Path, words: tuple[str, ...]) -> None:
    """`| head -1`: no traceback, and the exit code of a tool that the signal ended."""
    program = [sys.executable, "-m", "generator", *words, "--index", str(committed)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("log ex", ["example/nginx", "example/postgres", "example/python"]),
        ("resolve example/n", ["example/nginx:"]),
        ("resolve example/nginx:1.28.0-r0-2", ["example/nginx:1.28.0-r0-202504240203"]),
        ("resolve nothing:", []),
        ("che", ["check"]),
    ],
)
def test_a_shell_completes_commands_images_and_tags(committed: Path, words: str, offered: list[str]) -> None:
    environment = os.environ | {
        "_REVERSE_REGISTRY_COMPLETE": "complete_fish",
        "_TYPER_COMPLETE_ARGS": f"reverse-registry {words}",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "REVERSE_REGISTRY_INDEX": str(committed),
    }
    program = [Path(sys.executable).parent / "reverse-registry"]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, cwd=ROOT, check=False)
    assert [line.split("\t")[0] for line in done.stdout.splitlines() if line] == offered, done.stderr


def test_a_refresh_ends_with_what_failed_and_why(made: Made) -> None:
    with ExampleUpstream(Options(private=frozenset({"first", "second"}), credentials=("me", "secret"))) as upstream:
        for name in ("first", "second"):
            made.toml.write_text(f'{made.toml.read_text()}[images.{name}]\nrepository = "{upstream.host}/{name}"\n')
        *_, headline, first, second = run("refresh", index=made.folder).output.splitlines()
    assert headline == "0 new builds in 0 images, 0 unchanged, 2 failed (first, second)"
    assert first.startswith(f"  first: {upstream.host}/first: ")
    assert second.startswith(f"  second: {upstream.host}/second: ")
    assert "refused" in first


def test_a_refresh_of_what_is_not_in_images_toml_names_what_is_near(made: Made) -> None:
    made.image("demo", [(build("1.0-r0", "2026-01-01"), [])])
    done = run("refresh", "demmo", index=made.folder)
    assert str(done.exception) == "demmo is not in images.toml; the closest: demo"
