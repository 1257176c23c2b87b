"""What the folder tree promises: two halves that know nothing of each other but the index."""

import ast
import contextlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.command import EVERY_COMMAND
from tests.example import ROOT


def imported(folder: str) -> Iterator[str]:
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (name.name.partition(".")[0] for name in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0]


@pytest.mark.parametrize(("half", "other"), [("generator", "server"), ("server", "generator")])
def test_neither_half_imports_the_other(half: str, other: str) -> None:
    assert not {other, "tests"} & set(imported(half))


FLOORS = ("errors", "index", "telemetry", "upstream", "registry", "site", "app")


@pytest.mark.parametrize(("floor", "room"), list(enumerate(FLOORS)))
def test_no_room_of_the_server_knows_what_is_above_it(floor: int, room: str) -> None:
    module = ROOT / "server" / f"{room}.py"
    paths = [module] if module.exists() else list((ROOT / "server" / room).glob("*.py"))
    assert paths
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == (2 if path.parent.name == room else 1):
                names = [node.module] if node.module else [each.name for each in node.names]
                assert not {str(name).partition(".")[0] for name in names} & set(FLOORS[floor + 1 :]), path


@pytest.mark.parametrize(
    ("program", "foreign"),
    [
        ("import server.app", ("oras", "requests", "typer", "univers", "jinja2", "httpx")),
        (EVERY_COMMAND, ("starlette", "uvicorn", "aiohttp", "httpx")),
    ],
    ids=["server", "generator"],
)
def test_each_half_runs_without_the_packages_of_the_other(program: str, foreign: tuple[str, ...]) -> None:
    blocked = "".join(f"sys.modules[{name!r}] = None; " for name in foreign)
    subprocess.run([sys.executable, "-c", f"import sys; {blocked}{program}"], cwd=ROOT, check=True)


@pytest.mark.parametrize("package", ["typer", "oras"])
def test_the_console_script_says_that_the_generator_is_not_installed(package: str) -> None:
    code = f"import sys; sys.modules[{package!r}] = None; from generator.__main__ import main; main()"
    words = [sys.executable, "-c", code, "refresh", "--help"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    said = f"reverse-registry: {package} is not installed; the generator needs requirements/generator.txt\n"
    assert done.stderr == said


def test_every_lock_file_has_hashes_and_names_no_host() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = {"generator": project["dependencies"], "server": project["optional-dependencies"]["server"]}
    for half, requirements in asked.items():
        locked = Path(ROOT / "requirements" / f"{half}.txt").read_text()
        for requirement in requirements:
            name = requirement.split(">")[0].split(";")[0].strip()
            assert f"\n{name}==" in f"\n{locked}", f"{name} is not in requirements/{half}.txt; run make lock"


def test_no_tool_that_builds_or_tests_is_installed_in_production() -> None:
    for half in ("generator", "server"):
        locked = {line.partition("==")[0] for line in (ROOT / "requirements" / f"{half}.txt").read_text().splitlines()}
        assert not locked & {"hatchling", "editables", "trove-classifiers", "pytest", "uv", "mypy", "ruff"}


ROOMS = (
    "trust",
    "package",
    "images",
    "upstream",
    "record",
    "resolve",
    "render",
    "refresh",
    "query",
    "check",
    "site",
    "publish",
)


def rooms_of(path: Path) -> Iterator[str]:
    """The rooms of the generator that a module imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("generator."):
            yield node.module.split(".")[1]


def test_data_flows_one_way_through_the_rooms_of_the_generator() -> None:
    """Each room imports only those before it in the list; the command line is above them all."""
    for number, room in enumerate(ROOMS):
        above = {*ROOMS[number + 1 :], "cli"}
        for path in (ROOT / "generator" / room).rglob("*.py"):
            assert not above & set(rooms_of(path)), path


def test_no_room_is_left_out_of_the_order() -> None:
    rooms = {path.parent.name for path in (ROOT / "generator").glob("*/__init__.py")}
    assert rooms == {*ROOMS, "cli"}


@pytest.mark.parametrize("half", ["generator", "server"])
def test_no_folder_holds_more_modules_than_one_takes_in(half: str) -> None:
    for folder in (ROOT / half, *(path for path in (ROOT / half).rglob("*") if path.is_dir())):
        assert len(list(folder.glob("*.py"))) <= 13, folder


@pytest.mark.parametrize("file", ["build", "dev", "generator", "run", "server"])
def test_pip_takes_the_lock_file_with_hashes(file: str) -> None:
    """In hash-checking mode it wants a requirement with an extra locked with it: `pydantic[email]`."""
    text = (ROOT / "requirements" / f"{file}.txt").read_text()
    locked = dict(re.findall(r"^([\w.-]+)(\[[\w,-]+\])?==", text, re.MULTILINE))
    for name in locked:
        with contextlib.suppress(PackageNotFoundError):  # of another platform
            for line in requires(name) or ():
                needed = Requirement(line)
                if needed.extras and (needed.marker is None or needed.marker.evaluate({"extra": ""})):
                    for extra in needed.extras:
                        assert extra in locked[canonicalize_name(needed.name)], f"{name} needs {needed.name}[{extra}]"
