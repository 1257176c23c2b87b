"""No link, device or pipe in an index leads the generator to other files of the machine."""

import os
from pathlib import Path

import pytest

from generator.errors import BrokenIndexError
from generator.files import inside
from generator.record.store import Store
from tests.query.made import Made, build, refused, run


def test_a_file_that_is_not_there_yet_has_its_place(tmp_path: Path) -> None:
    assert inside(tmp_path, "a/b/index.json") == tmp_path / "a/b/index.json"


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "current").symlink_to("real")
    assert Store(tmp_path / "current").write("nginx/index.json", "{}")
    assert Store(tmp_path / "current").read("nginx/index.json") == b"{}"


@pytest.mark.parametrize("target", ["secret", "/proc/self/environ", "nowhere"])
def test_a_link_to_a_file_is_neither_read_nor_replaced(tmp_path: Path, target: str) -> None:
    (tmp_path / "secret").write_text("secret")
    store = Store(tmp_path / "index")
    (store.folder / "nginx").mkdir(parents=True)
    link = store.folder / "nginx/index.json"
    link.symlink_to(tmp_path / target)
    for use in (store.read, lambda relative: store.write(relative, "{}")):
        with pytest.raises(BrokenIndexError, match=r"nginx/index.json: is a symbolic link, should be a regular file"):
            use("nginx/index.json")
    assert link.is_symlink()


def test_a_linked_folder_is_not_entered(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "index.json").write_text("{}")
    store = Store(tmp_path / "index")
    store.folder.mkdir()
    (store.folder / "nginx").symlink_to(other)
    for use in (store.read, lambda relative: store.write(relative, "[]")):
        with pytest.raises(BrokenIndexError, match=r"nginx: is a symbolic link, should be a folder"):
            use("nginx/index.json")
    assert (other / "index.json").read_text() == "{}"


def test_a_pipe_does_not_keep_a_reader_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "index.json")
    with pytest.raises(BrokenIndexError, match="is a named pipe"):
        Store(tmp_path).read("index.json")


def test_images_toml_is_no_link_either(made: Made) -> None:
    made.image("demo", [(build("1.0-r0", "2026-01-01"), [])])
    made.toml.rename(made.folder.parent / "elsewhere.toml")
    made.toml.symlink_to(made.folder.parent / "elsewhere.toml")
    assert "images.toml: is a symbolic link" in refused("resolve", "demo:1", index=made.folder)


def test_a_refresh_writes_nothing_through_a_linked_image(made: Made) -> None:
    made.toml.write_text('[images.demo]\nrepository = "localhost:1/demo"\n')
    outside = made.folder.parent / "outside"
    outside.mkdir()
    (made.folder / "demo").symlink_to(outside)
    assert run("refresh", index=made.folder).exit_code == 1
    assert list(outside.iterdir()) == []
