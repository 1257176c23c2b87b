"""An index of one's own, from `init` on: pushed as it is, refreshed by its own workflow, and given newer code."""

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.example import ROOT
from tests.generator.test_interrupt import until_quiet
from tests.publish.repository import git
from tests.query.made import run
from tests.upstream import Build, ExampleUpstream, Fault, Hang, Package
from tests.upstream.images import NGINX
from tests.workflows.job import Step
from tests.workflows.origin import Origin
from tests.workflows.workflow import FOLDER, load

NEW = Build("nginx", "1.29.2-r0", datetime(2026, 3, 1, tzinfo=UTC), (Package("nginx", "1.29.2-r0"),))
LATER = Build("nginx", "1.29.3-r0", datetime(2026, 3, 2, tzinfo=UTC), (Package("nginx", "1.29.3-r0"),))
WORKFLOW = ".github/workflows/refresh.yml"


@pytest.fixture
def upstream() -> Iterator[ExampleUpstream]:
    with ExampleUpstream() as running:
        yield running


@pytest.fixture
def origin(tmp_path: Path, upstream: ExampleUpstream) -> Origin:
    """What `init` made, committed and pushed with no more done to it than to choose the images."""
    mine = tmp_path / "mine"
    assert run("init", str(mine)).exit_code == 0
    images = mine / "index" / "images.toml"
    text = images.read_text()
    kept = text[: text.index("\n[images.")].replace('upstream = "cgr.dev/', f'upstream = "{upstream.host}/')
    images.write_text(f'{kept}\n[images.nginx]\nsince = "always"\n')
    origin = Origin(tmp_path, upstream, load(mine / WORKFLOW))
    origin.init()
    git(mine, "init", "--quiet", "--initial-branch=main")
    git(mine, "remote", "add", "origin", str(origin.bare))
    origin.push(mine, "An index of my own")
    return origin


def is_green(done: dict[str, Step]) -> bool:
    return all(step.code == 0 for step in done.values())


def newer(folder: Path) -> Path:
    """This project as a later release might be: it says more on every page, and in the schema."""
    project = folder / "newer"
    for name in ("generator", "requirements"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "action.yml", project)
    for template in (project / "generator/render/templates").glob("*.md.j2"):
        template.write_text(template.read_text() + "\nMade by a newer version.\n")
    return project


def test_it_refreshes_itself_twice_in_a_race_and_stopped_and_takes_newer_code(origin: Origin) -> None:
    upstream = origin.upstream
    hung = NGINX[0].build.digest
    upstream.inject(Fault(Hang(60), path=f"/manifests/{hung}"))

    def stop(process: subprocess.Popen[str]) -> None:
        until_quiet(upstream, process)
        process.send_signal(signal.SIGINT)

    stopped = origin.run("stopped", interrupt={"Refresh": stop})
    assert (stopped["Refresh"].code, stopped["Check and publish"].code) == (130, 0)
    assert hung not in origin.file("index/nginx/index.json")

    assert is_green(origin.run("first"))
    assert hung in origin.file("index/nginx/index.json")
    commits = len(origin.subjects)
    assert is_green(origin.run("second"))
    assert len(origin.subjects) == commits

    upstream.push(NEW, "latest")

    def edit() -> None:
        other = origin.checkout("other")
        (other / "README.md").write_text("My images\n")
        origin.push(other, "README")

    assert is_green(origin.run("race", meanwhile={"Check and publish": edit}))
    assert origin.subjects[:2] == ["nginx 1.29.2-r0", "README"]

    checkout = origin.checkout("update")
    path = checkout / WORKFLOW
    path.write_text(re.sub(r"(reverse-registry@v)\S+", r"\g<1>9.0.0", path.read_text()))
    origin.push(checkout, "Bump reverse-registry")
    origin.workflow, origin.project = load(path), newer(origin.folder)
    assert "reverse-registry@v9.0.0" in str(origin.workflow)
    upstream.push(LATER, "latest")
    done = origin.run("updated")
    assert is_green(done), done
    assert origin.subjects[:2] == ["nginx 1.29.3-r0", "Bump reverse-registry"]
    assert "Made by a newer version." in origin.file("index/nginx/README.md")
    assert is_green(origin.run("again"))


def test_a_clone_that_converts_line_endings_has_the_same_bytes(origin: Origin, tmp_path: Path) -> None:
    assert is_green(origin.run("one"))
    windows = tmp_path / "windows"
    git(tmp_path, "-c", "core.autocrlf=true", "clone", "--quiet", str(origin.bare), str(windows))
    assert b"\r" not in b"".join(path.read_bytes() for path in (windows / "index").rglob("*") if path.is_file())
    assert run("check", index=windows / "index").exit_code == 0


def test_the_workflow_is_short_and_pins_what_our_own_pins(origin: Origin, tmp_path: Path) -> None:
    text = (tmp_path / "mine" / WORKFLOW).read_text()
    assert len(text.splitlines()) <= 16
    (checkout,) = re.findall(r"uses: (actions/checkout@.*)", text)
    assert checkout in (FOLDER / "refresh.yml").read_text()


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine\n")
    done = run("init", str(tmp_path))
    assert f"kept {tmp_path}/README.md" in done.output
    assert (tmp_path / "README.md").read_text() == "mine\n"
    assert (tmp_path / "index/images.toml").exists()
