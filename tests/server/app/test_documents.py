"""`/index/…`: the JSON files of the index in use, whatever becomes of the folder."""

import asyncio
import json
import os
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest

from server.errors import StartError
from server.index.catalogue import Index
from server.index.current import Current
from tests.server.conftest import Serve, image, write
from tests.upstream import ExampleUpstream


@pytest.fixture
def whole(index: Path) -> Path:
    """An index with all the files that a generator writes."""
    for path in ("schema.json", "nginx/packages.json"):
        (index / path).write_text('{"schema": 1}\n')
    for path in ("images.toml", "README.md", "nginx/README.md", "postgres.json"):
        (index / path).write_text("not for other programs")
    return index


@pytest.mark.parametrize("file", ["index.json", "schema.json", "nginx/index.json", "nginx/packages.json"])
def test_a_file_is_sent_as_it_is_to_any_page(whole: Path, serve: Serve, file: str) -> None:
    client = serve()
    answer = client.get(f"/index/{file}")
    assert answer.content == (whole / file).read_bytes()
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"
    again = client.get(f"/index/{file}", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])


@pytest.mark.parametrize(
    "path",
    [
        "images.toml",
        "README.md",
        "nginx/README.md",
        "nginx",
        "postgres.json",
        "postgres/index.json",
        "unknown/index.json",
        "../pyproject.toml",
        "%2e%2e/pyproject.toml",
        "nginx/../images.toml",
        "nginx/..%2fimages.toml",
        "..%2findex%2findex.json",
        "/etc/passwd",
        "//index.json",
        "index.json/",
        "index.json%00",
        "./index.json",
        "INDEX.JSON",
    ],
)
def test_nothing_else_of_the_folder_is_sent(whole: Path, serve: Serve, path: str) -> None:
    # httpx would put such a path right.
    connection = HTTPConnection(serve().base_url.netloc.decode())
    connection.request("GET", f"/index/{path}")
    assert connection.getresponse().status == 404
    connection.close()


def test_the_folder_itself_leads_to_the_catalogue(client: httpx.Client) -> None:
    answer = client.get("/index/", follow_redirects=True)
    assert answer.url.path == "/index/index.json"
    assert set(answer.json()["images"]) == {"nginx", "postgres", "python"}


@pytest.mark.parametrize("file", ["index.json", "nginx/index.json", "nginx/packages.json"])
@pytest.mark.parametrize("change", [lambda path: path.write_text('{"half'), Path.unlink], ids=["broken", "gone"])
def test_what_a_file_has_become_is_not_sent_unless_it_is_in_use(
    whole: Path, serve: Serve, file: str, change: Callable[[Path], None]
) -> None:
    client = serve()
    before = client.get(f"/index/{file}")
    change(whole / file)
    after = client.get(f"/index/{file}")
    assert (after.status_code, after.content, after.headers["etag"]) == (200, before.content, before.headers["etag"])


def test_an_index_with_half_written_packages_is_refused(whole: Path) -> None:
    current = Current(whole)
    (whole / "nginx" / "packages.json").write_text('{"half')
    assert not asyncio.run(current.reload())
    assert current.index.documents["nginx/packages.json"].body == b'{"schema": 1}\n'


def test_a_changed_file_is_sent_once_it_is_in_use(index: Path, upstream: ExampleUpstream) -> None:
    current = Current(index)
    before = current.index.documents
    write(index, upstream, {"nginx": image(upstream, "nginx", package="another")})
    assert current.index.documents["nginx/index.json"] is before["nginx/index.json"]
    assert asyncio.run(current.reload())
    assert json.loads(current.index.documents["nginx/index.json"].body)["package"] == "another"
    assert current.index.documents["index.json"] is before["index.json"]


@pytest.mark.parametrize("file", ["index.json", "schema.json", "nginx/index.json", "nginx/packages.json"])
def test_a_file_that_is_a_link_elsewhere_is_refused(whole: Path, tmp_path: Path, file: str) -> None:
    (whole / file).replace(tmp_path / "elsewhere.json")
    (whole / file).symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(StartError, match=rf"{file}: .*link"):
        Index(whole)


def test_an_image_that_is_a_link_elsewhere_is_refused(whole: Path, tmp_path: Path) -> None:
    (whole / "nginx").rename(tmp_path / "elsewhere")
    (whole / "nginx").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StartError, match=r"nginx/\w+.json: .*link"):
        Index(whole)


def test_a_device_is_refused(whole: Path) -> None:
    (whole / "nginx" / "packages.json").unlink()
    os.mkfifo(whole / "nginx" / "packages.json")
    with pytest.raises(StartError, match=r"nginx/packages.json: Not a regular file"):
        Index(whole)


def test_the_folder_itself_may_be_a_link(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(whole)
    assert Index(tmp_path / "link").images.keys() == {"nginx", "postgres", "python"}


@pytest.mark.parametrize("file", ["index.json", "schema.json", "nginx/index.json", "nginx/packages.json"])
def test_a_file_of_any_size_is_not_read(whole: Path, file: str) -> None:
    """It takes no room on disk: only its length is stated."""
    os.truncate(whole / file, 10 * 1024**3)
    with pytest.raises(StartError, match=f"{file}: Larger than 256 MB"):
        Index(whole)
