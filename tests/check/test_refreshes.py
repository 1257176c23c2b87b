"""What refreshes make of an index as it lives is no problem to `check --against`, one commit after another."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.check.findings import problems
from tests.query.made import git, run
from tests.upstream import ExampleUpstream
from tests.upstream.images import nginx

Step = Callable[[ExampleUpstream, Path], object]


def settings(old: str, new: str) -> Step:
    def change(_: ExampleUpstream, index: Path) -> None:
        path = index / "images.toml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    return change


STEPS: dict[str, Step] = {
    "from now on": lambda upstream, index: None,
    "a new version": lambda upstream, _: upstream.push(
        nginx("1.29.2-r0", "2026-02-20T10:00:05Z", ssl="3.5.2-r0"), "latest"
    ),
    "the same anew": lambda upstream, _: upstream.push(
        nginx("1.29.2-r0", "2026-02-21T10:00:05Z", ssl="3.5.2-r0"), "latest"
    ),
    "two at once": lambda upstream, _: [
        upstream.push(nginx(f"1.29.{number}-r0", f"2026-02-2{number}T10:00:05Z", ssl="3.5.2-r0"), "latest")
        for number in (3, 4)
    ],
    "all of the history": settings('"now"', '"always"'),
    "one track less": settings("[images.nginx]\n", '[images.nginx]\ntracks = ["latest"]\n'),
    "that track again": settings('tracks = ["latest"]\n', ""),
    "a constraint": settings("[images.nginx]\n", "[images.nginx]\nconstraint = '^1.2[79]'\n"),
    "no constraint": settings("constraint = '^1.2[79]'\n", ""),
    "another image": settings("[images.nginx]", "[images.python]\n[images.nginx]"),
    "no longer refreshed": settings("[images.nginx]\n", "[images.nginx]\nfrozen = true\n"),
    "refreshed again": settings("frozen = true\n", ""),
    "no longer served": settings("[images.python]\n", ""),
    "nothing at all": lambda upstream, index: None,
}


@pytest.fixture
def upstream() -> Iterator[ExampleUpstream]:
    with ExampleUpstream() as running:
        yield running


def test_every_refresh_is_sound_against_the_one_before(upstream: ExampleUpstream, tmp_path: Path) -> None:
    index = tmp_path / "index"
    index.mkdir()
    (index / "images.toml").write_text(f'upstream = "{upstream.host}/chainguard"\n\n[images.nginx]\nsince = "now"\n')
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "images.toml")
    for name, change in STEPS.items():
        change(upstream, index)
        assert run("refresh", index=index).exit_code == 0, name
        assert problems(index, "--against", "HEAD") == [], name
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", name)
    assert problems(index, "--against", git(tmp_path, "rev-list", "--max-parents=0", "HEAD")) == []
