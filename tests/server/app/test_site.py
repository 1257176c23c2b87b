"""What browsers are shown: the folder or the address that `REVERSE_REGISTRY_SITE` names, or one small page."""

import os
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import httpx
import pytest

from server.errors import StartError
from server.settings import Settings
from tests.server.conftest import Serve, error


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    for path, text in {
        "index.html": "catalogue",
        "nginx/index.html": "nginx",
        "library/nginx/index.html": "library/nginx",
        "search.js": "search",
        "404.html": "nothing here",
        ".git/config": "secret",
        "nginx/.htpasswd": "secret",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (tmp_path / "outside.html").write_text("secret")
    (folder / "link.html").symlink_to(tmp_path / "outside.html")
    (folder / "inside.html").symlink_to(folder / "index.html")
    (folder / "loop.html").symlink_to(folder / "loop.html")
    (folder / "outside").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.html")
    return folder


@pytest.fixture
def client(serve: Serve, site: Path) -> httpx.Client:
    return serve(site=str(site))


@pytest.mark.parametrize(
    ("path", "text", "media_type"),
    [
        ("/", "catalogue", "text/html; charset=utf-8"),
        ("/nginx/", "nginx", "text/html; charset=utf-8"),
        ("/library/nginx/", "library/nginx", "text/html; charset=utf-8"),
        ("/search.js", "search", "text/javascript; charset=utf-8"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_page_is_sent_with_what_protects_it(
    client: httpx.Client, method: str, path: str, text: str, media_type: str
) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    assert answer.text == (text if method == "GET" else "")
    assert answer.headers["content-security-policy"].startswith("default-src 'none';")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "public, max-age=60"
    assert client.request(method, path, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


@pytest.mark.parametrize("path", ["/nginx", "/library/nginx"])
def test_an_image_leads_to_its_page(client: httpx.Client, path: str) -> None:
    answer = client.get(path, headers={"Host": "evil.example"})
    assert (answer.status_code, answer.headers["location"]) == (307, f"{path}/")


def test_no_path_leads_to_another_host(client: httpx.Client) -> None:
    assert raw(client, "//nginx").getheader("location") == "/nginx/"


@pytest.mark.parametrize(
    "path",
    [
        "/unknown",
        "/.git/config",
        "/nginx/.htpasswd",
        "/link.html",
        "/inside.html",
        "/loop.html",
        "/pipe.html",
        "/outside/outside.html",
        "/../outside.html",
        "/nginx/../../outside.html",
        "/%2e%2e/outside.html",
        "/..%2foutside.html",
        "/nginx/%00",
        "/" + "a" * 5000,
        "/index/nginx.html",
    ],
)
def test_what_is_not_there_is_not_found(client: httpx.Client, path: str) -> None:
    answer = raw(client, path)
    assert answer.status == 404
    assert b"secret" not in answer.read()
    assert answer.getheader("cache-control") == "no-store"


def raw(client: httpx.Client, path: str) -> HTTPResponse:
    """httpx would put such a path right."""
    connection = HTTPConnection(client.base_url.netloc.decode())
    connection.request("GET", path)
    return connection.getresponse()


def test_what_is_the_registrys_stays_so(client: httpx.Client, site: Path) -> None:
    for path in ("v2/index.html", "healthz/index.html", "index/index.json"):
        (site / path).parent.mkdir(exist_ok=True)
        (site / path).write_text("page")
    assert client.get("/v2/").text == "{}"
    assert client.get("/healthz").text == "ok"
    assert "images" in client.get("/index/index.json").json()
    assert client.get("/healthz/").text == "page"


def test_a_page_that_changed_is_sent_as_it_is_now(client: httpx.Client, site: Path) -> None:
    first = client.get("/nginx/").headers["etag"]
    (site / "nginx" / "index.html").write_text("nginx, but newer")
    assert client.get("/nginx/", headers={"If-None-Match": first}).text == "nginx, but newer"


@pytest.mark.parametrize(("path", "page"), [("/", "/"), ("/nginx", "/nginx"), ("//evil.example", "//evil.example")])
def test_browsers_are_sent_to_a_site_elsewhere(serve: Serve, path: str, page: str) -> None:
    answer = raw(serve(site="https://example.github.io/images/"), path)
    assert (answer.status, answer.getheader("location")) == (307, f"https://example.github.io/images{page}")


def test_without_a_site_one_page_says_what_this_is(client: httpx.Client, serve: Serve) -> None:
    client = serve()
    answer = client.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "3 images" in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none';")
    assert error(client.get("/nginx")) == (404, "UNSUPPORTED")


def test_a_folder_that_is_none_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"REVERSE_REGISTRY_SITE: .*nowhere"):
        Settings.from_environment({"REVERSE_REGISTRY_SITE": str(tmp_path / "nowhere")})
