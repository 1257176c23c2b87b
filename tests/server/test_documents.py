"""The index as JSON, for other programs."""

import json
from pathlib import Path

import httpx
import pytest

from tests.example import INDEX
from tests.pages.made import catalogue
from tests.pages.test_html import as_written, over

FILES = ["index.json", "schema.json", "example/nginx/index.json", "example/nginx/packages.json"]


@pytest.mark.parametrize("file", FILES)
def test_a_file_is_sent_as_it_is_to_any_page(example: httpx.Client, file: str) -> None:
    answer = example.get(f"/index/{file}")
    assert answer.content == (INDEX / file).read_bytes()
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    "path",
    [
        "images.toml",
        "README.md",
        "example/nginx/README.md",
        "example/nginx/2025.md",
        "example/nginx",
        "nginx/index.json",
        "nginx/packages.json",
        "example/index.json",
        "unknown/index.json",
        "../pyproject.toml",
        "%2e%2e/pyproject.toml",
        "example/nginx/../../images.toml",
        "example/nginx/..%2f..%2fimages.toml",
        "..%2findex%2findex.json",
        "/etc/passwd",
        "//index.json",
        "index.json/",
        "index.json%00",
        "./index.json",
        "INDEX.JSON",
        "_/index.json",
    ],
)
def test_nothing_else_of_the_folder_is_sent(example: httpx.Client, path: str) -> None:
    assert as_written(example, f"/index/{path}").status == 404


def test_the_folder_itself_leads_to_the_catalogue(example: httpx.Client) -> None:
    answer = example.get("/index/", follow_redirects=True)
    assert answer.url.path == "/index/index.json"
    assert answer.json()["upstream"] == "cgr.dev/chainguard"


def test_the_validator_is_that_of_the_content(tmp_path: Path) -> None:
    client = over(catalogue(tmp_path, {}))
    file = tmp_path / "index.json"
    first = client.get("/index/index.json").headers["etag"]
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "upstream": "cgr.dev/other"}))
    changed = client.get("/index/index.json", headers={"If-None-Match": first})
    assert changed.status_code == 200
    assert changed.headers["etag"] != first
    file.unlink()
    file.write_text(json.dumps(content))
    assert client.get("/index/index.json", headers={"If-None-Match": first}).status_code == 304
