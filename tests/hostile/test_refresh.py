"""An upstream that means harm, refreshed for real: nothing of what it says acts on anybody anywhere."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import pytest

from tests.command import Done, command
from tests.hostile.texts import LINES, WORDS, acting, coded, is_command
from tests.publish.repository import git
from tests.query.test_output import on_terminal
from tests.upstream import Answer, Build, Content, ExampleUpstream, Fault, Package, index

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
HALF = len(WORDS) // 2
# As a package URL has them: the name of an apk is in lower case, and what is before a slash is no part of it.
NAMES = [word.lower() for word in WORDS if "/" not in word]
MAIN = [f"1.{number}{word}" for number, word in enumerate(WORDS)]


@dataclass(frozen=True)
class Evil(Build):
    """Its platforms, too, are whatever the upstream likes."""

    @cached_property
    def index(self) -> Content:
        image = self.platforms[0][0]
        named = [("linux", "amd64"), *((f"{number}", line) for number, line in enumerate(LINES))]
        platforms = [{"os": system, "architecture": architecture} for system, architecture in named]
        return index([replace(image, platform=platform) for platform in platforms], self.annotations)


def evil(number: int, version: str, names: tuple[str, ...], versions: tuple[str, ...]) -> Evil:
    packages = (
        # Of a distribution's versions little is left that could do harm; of others' everything is.
        Package("harmed", version, type="generic"),
        *(Package(name, "1-r0") for name in names),
        *(Package(f"package{place}", f"1{word}") for place, word in enumerate(versions)),
    )
    return Evil("harmed", version, BEGIN + timedelta(days=number), packages, label="harmed")


@dataclass
class Refreshed:
    """An index in a git repository, as the workflow's two steps left it, and all that they said."""

    folder: Path
    logs: str
    summary: str

    def pages(self) -> dict[str, str]:
        return {str(path.relative_to(self.folder)): path.read_text() for path in sorted(self.folder.rglob("*.md"))}

    @property
    def digests(self) -> list[str]:
        index = json.loads((self.folder / "harmed" / "index.json").read_text())
        return [build["digest"] for build in index["builds"]]

    def ask(self, *words: str) -> str:
        done = cli(self.folder, *words)
        return done.stdout + done.stderr


def cli(folder: Path, *words: str, **environment: str) -> Done:
    return command(*words, "--index", folder, **environment)


@pytest.fixture(scope="module")
def upstream() -> Iterator[ExampleUpstream]:
    with ExampleUpstream(catalogue=()) as running:
        for number, version in enumerate(MAIN):
            halves = WORDS[:HALF], WORDS[HALF:]
            names, versions = halves if number % 2 else halves[::-1]
            running.push(evil(number, version, names, versions), "latest")
        for number, line in enumerate(LINES):
            at = BEGIN + timedelta(days=number)
            running.push(Build("labelled", "1", at, (Package("a", "1-r0"),), label=f"{line} {WORDS[number]}"), "latest")
        running.push(Build("broken", "1", BEGIN, (Package("broken", "1-r0"),)), "latest")
        challenge = {"WWW-Authenticate": 'Bearer realm="##[error]http://evil/\t|`<b>%0A::error::evil"'}
        running.inject(Fault(Answer(401, challenge), path="/broken/", times=None))
        yield running


@pytest.fixture(scope="module")
def refreshed(upstream: ExampleUpstream, tmp_path_factory: pytest.TempPathFactory) -> Refreshed:
    folder = tmp_path_factory.mktemp("clone") / "index"
    folder.mkdir()
    (folder / "images.toml").write_text(
        f'upstream = "{upstream.host}/chainguard"\n'
        + "".join(f'[images.{name}]\nsince = "always"\n' for name in ("harmed", "labelled", "broken"))
    )
    git(folder, "init", "--quiet")
    summary = folder.parent / "summary.md"
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    steps = [cli(folder, *words, **environment) for words in (("refresh",), ("check",), ("publish", "--no-push"))]
    assert [step.returncode for step in steps] == [1, 0, 0]
    return Refreshed(folder, "".join(step.stdout + step.stderr for step in steps), summary.read_text())


def test_a_log_holds_no_command_but_the_errors_meant(refreshed: Refreshed) -> None:
    lines = refreshed.logs.splitlines()
    assert [line for line in lines if not (line.isascii() and line.isprintable())] == []
    commands = [line for line in lines if is_command(line)]
    assert [line.partition("evil")[0][:27] for line in commands] == ["::error::broken: failed: lo"]
    assert "%250A::error::evil" in commands[0]


def test_the_summary_shows_it_and_is_not_changed_by_it(refreshed: Refreshed, upstream: ExampleUpstream) -> None:
    assert acting(refreshed.summary) == []
    shown = coded(refreshed.summary)
    assert MAIN[-1].replace("`", "'") in shown
    assert any(each.startswith(f"{upstream.host}/chainguard/broken: ") and "##?" in each for each in shown)


def test_pages_show_it_and_are_not_changed_by_it(refreshed: Refreshed) -> None:
    pages = refreshed.pages()
    assert {"README.md", "harmed/README.md", "harmed/2026.md", "labelled/README.md"} <= pages.keys()
    assert {name: acting(text) for name, text in pages.items() if acting(text)} == {}
    shown = {text.replace("\\|", "|") for page in pages.values() for text in coded(page)}
    assert {text.replace("`", "'") for text in (*NAMES, *MAIN)} <= shown


def test_a_commit_message_shows_none_of_it(refreshed: Refreshed) -> None:
    message = git(refreshed.folder, "log", "-1", "--format=%B")
    assert message.startswith("harmed 1.")
    assert [line.partition(":")[0] for line in message.splitlines()[2:]] == ["harmed", "labelled"]
    assert message.isascii()
    assert not set(message) & set("@#<>[]`|*\\")


@pytest.mark.parametrize(
    "words",
    [
        ("packages", "harmed:latest"),
        ("log", "harmed"),
        ("search", "##[error]evil"),
        ("resolve", "harmed:latest"),
        ("resolve", "harmed:##[error]evil"),
        ("log", "harmed", "--json"),
    ],
)
def test_an_answer_holds_no_command(refreshed: Refreshed, words: tuple[str, ...]) -> None:
    assert acting_lines(refreshed.ask(*words)) == []


@pytest.mark.parametrize("words", [("packages", "harmed:latest"), ("log", "harmed")])
def test_an_answer_does_not_act_on_a_terminal(refreshed: Refreshed, words: tuple[str, ...]) -> None:
    assert acting_lines(on_terminal(*words, "--index", refreshed.folder)) == []


def acting_lines(text: str) -> list[str]:
    assert "evil" in text
    return [line for line in text.splitlines() if is_command(line) or not line.isascii() or not line.isprintable()]


def test_an_answer_to_a_program_is_exactly_what_was_said(refreshed: Refreshed) -> None:
    answers = [json.loads(refreshed.ask("packages", f"harmed@{digest}", "--json")) for digest in refreshed.digests[-2:]]
    assert set(NAMES) <= {package["name"] for answer in answers for package in answer["packages"]}
