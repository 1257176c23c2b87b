"""A generated file that somebody has spoilt fails its own image in one line, and no other."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generator.errors import BrokenIndexError
from generator.refresh import Outcome
from tests.generator.conftest import Index
from tests.generator.test_hostile import altered, spliced
from tests.upstream import ExampleUpstream

IMAGES = '[images.nginx]\nsince = "now"\n[images.python]\nsince = "now"\n'
FILES = ("nginx/index.json", "nginx/packages.json", "index.json", "refreshed.json")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    with ExampleUpstream() as upstream:
        index = Index(upstream, tmp_path_factory.mktemp("sound"), IMAGES)
        index.refresh()
        yield index


@pytest.mark.parametrize("file", FILES)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_spoilt_file_fails_only_its_own_image(file: str, data: st.DataObject, sound: Index, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(sound.folder, folder)
    index = sound.elsewhere(folder)
    valid = (folder / file).read_bytes()
    (folder / file).write_bytes(data.draw(altered(valid) | spliced(valid)))
    outcomes: list[Outcome] = []
    with contextlib.suppress(BrokenIndexError):
        outcomes.extend(index.run())
    errors = {outcome.image.name: outcome.errors for outcome in outcomes}
    assert errors.keys() == {"nginx", "python"}
    assert errors["python"] == []
    assert all(line.isprintable() and "internal error" not in line for line in errors["nginx"])
    assert index.content()["python/index.json"] == sound.content()["python/index.json"]
    if not file.startswith("nginx/"):
        assert errors["nginx"] == []
        assert {path: path.read_bytes() for path in folder.rglob("*.*")} == {
            folder / path.relative_to(sound.folder): path.read_bytes() for path in sound.folder.rglob("*.*")
        }
