import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.query.made import Made, git, run
from tests.upstream import ExampleUpstream

IMAGES = """\
upstream = "{host}/chainguard"

[images.nginx]
since = "always"

[images.python]
since = "always"
tracks = ["latest"]

[images.postgres]
"""


@pytest.fixture(scope="session")
def upstream() -> Iterator[ExampleUpstream]:
    with ExampleUpstream() as example:
        yield example


@pytest.fixture(scope="session")
def refreshed(upstream: ExampleUpstream, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index as a refresh has left it, in a folder of a git repository, committed."""
    root = tmp_path_factory.mktemp("refreshed")
    folder = root / "index"
    folder.mkdir()
    (folder / "images.toml").write_text(IMAGES.format(host=upstream.host))
    assert run("refresh", "nginx", "python", index=folder).exit_code == 0
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message", "refreshed")
    return root


@pytest.fixture
def index(refreshed: Path, tmp_path: Path) -> Path:
    """One's own copy of it, to be edited."""
    return Path(shutil.copytree(refreshed, tmp_path / "repository")) / "index"


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path / "made")
