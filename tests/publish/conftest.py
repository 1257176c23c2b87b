"""A clone of a bare repository whose index was never refreshed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.publish.repository import git
from tests.upstream import ExampleUpstream


@pytest.fixture
def upstream() -> Iterator[ExampleUpstream]:
    with ExampleUpstream() as running:
        yield running


@pytest.fixture
def clone(tmp_path: Path, upstream: ExampleUpstream) -> Path:
    bare, clone = tmp_path / "bare.git", tmp_path / "clone"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    git(tmp_path, "clone", "--quiet", str(bare), str(clone))
    (clone / "index").mkdir()
    images = f'upstream = "{upstream.host}/chainguard"\n[images.nginx]\nsince = "always"\n[images.missing]\n'
    (clone / "index" / "images.toml").write_text(images)
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message", "images.toml")
    git(clone, "push", "--quiet", "--set-upstream", "origin", "HEAD:main")
    return clone
