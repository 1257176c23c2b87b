"""Private images: nothing is told of one but to who has shown, by a token, that upstream lets it read that."""

import json
from pathlib import Path

import httpx
import pytest

from server.errors import StartError
from server.index.catalogue import Index
from server.registry import guard
from tests.server.conftest import Serve, error, image, write
from tests.upstream import Answer, ExampleUpstream, Fault
from tests.upstream.registry import basic

PUBLIC_URL = "https://registry.example.com"
THEIRS = {"Authorization": basic("user", "secret")}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    for path in ("index.html", "nginx/index.html", "python/index.html", "search.json"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)
    return folder


@pytest.fixture
def private(index: Path, upstream: ExampleUpstream) -> Path:
    """nginx is private, python is not."""
    upstream.options.private = frozenset({"chainguard/nginx"})
    write(index, upstream, {"nginx": image(upstream, "nginx", private=True), "python": image(upstream, "python")})
    (index / "nginx" / "packages.json").write_text("{}")
    return index


@pytest.fixture
def client(private: Path, serve: Serve, site: Path) -> httpx.Client:
    return serve(auth="passthrough", public_url=PUBLIC_URL, site=str(site))


def token(client: httpx.Client, name: str, headers: dict[str, str] | None = None) -> dict[str, str]:
    answer = client.get("/token", params={"scope": f"repository:{name}:pull"}, headers=headers)
    return {"Authorization": f"Bearer {answer.json()['token']}"}


OF_THE_IMAGE = [
    "/v2/nginx/manifests/1.27.4",
    "/v2/nginx/tags/list",
    "/v2/chainguard/nginx/tags/list",
    "/index/nginx/index.json",
    "/index/nginx/packages.json",
    "/nginx/",
]
OF_ALL = ["/index/index.json", "/", "/search.json"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", [*OF_THE_IMAGE, *OF_ALL])
def test_without_a_token_there_is_a_challenge_alone(client: httpx.Client, path: str, method: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith(f'Bearer realm="{PUBLIC_URL}/token"')
    assert "1.27" not in answer.text


@pytest.mark.parametrize("path", [*OF_THE_IMAGE, *OF_ALL])
@pytest.mark.parametrize("credentials", ["anonymous", "made up", "of another repository"])
def test_a_token_that_upstream_does_not_take_is_no_better(client: httpx.Client, path: str, credentials: str) -> None:
    headers = {
        "anonymous": lambda: token(client, "nginx"),
        "made up": lambda: {"Authorization": "Bearer made-up"},
        "of another repository": lambda: token(client, "python", THEIRS),
    }[credentials]()
    for _ in range(2):
        answer = client.get(path, headers=headers)
        assert answer.status_code == 401
        assert "1.27" not in answer.text


@pytest.mark.parametrize("path", [*OF_THE_IMAGE, *OF_ALL])
def test_who_may_read_it_upstream_is_told(client: httpx.Client, path: str) -> None:
    headers = token(client, "nginx", THEIRS)
    assert client.get("/v2/nginx/tags/list", headers=headers).json()["tags"] == ["1.27.3", "1.27.4", "latest"]
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200
    assert "public" not in answer.headers["cache-control"]


@pytest.mark.parametrize("path", ["/v2/", "/v2/_catalog", *OF_THE_IMAGE, *OF_ALL, "/v2/python/tags/list"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_one_was_told_is_not_told_to_the_next(client: httpx.Client, path: str, method: str) -> None:
    headers = token(client, "nginx", THEIRS)
    assert client.get("/v2/nginx/tags/list", headers=headers).status_code == 200
    for _ in range(3):
        assert client.request(method, path, headers=headers).status_code == 200
    assert client.request(method, path).status_code == 401
    assert client.request(method, path, headers=headers).status_code == 200


def test_upstream_is_asked_once_in_a_while(
    client: httpx.Client, upstream: ExampleUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = token(client, "nginx", THEIRS)
    monkeypatch.setattr(guard, "PROOF_SECONDS", 0.0)
    for _ in range(2):
        assert client.get("/v2/nginx/tags/list", headers=headers).status_code == 200
    assert upstream.requests.count("/v2/") == 2
    monkeypatch.undo()
    for _ in range(3):
        assert client.get("/v2/nginx/tags/list", headers=headers).status_code == 200
    assert upstream.requests.count("/v2/") == 3


def test_one_that_was_never_refreshed_is_private_too(private: Path, serve: Serve, upstream: ExampleUpstream) -> None:
    upstream.options.private = frozenset({"chainguard/nginx", "chainguard/postgres"})
    catalogue = json.loads((private / "index.json").read_text())
    catalogue["images"]["postgres"]["private"] = True
    (private / "index.json").write_text(json.dumps(catalogue))
    client = serve(auth="passthrough", public_url=PUBLIC_URL)
    path = "/v2/postgres/manifests/latest"
    assert client.get(path, headers=token(client, "postgres")).status_code == 401
    assert client.get(path, headers=token(client, "postgres", THEIRS)).status_code == 200
    assert "postgres" not in client.get("/v2/_catalog", headers=token(client, "python")).text


def test_nobody_is_let_in_while_upstream_is_away(client: httpx.Client, upstream: ExampleUpstream) -> None:
    headers = token(client, "nginx", THEIRS)
    upstream.inject(Fault(Answer(503), path="/v2/", times=None))
    assert error(client.get("/v2/nginx/tags/list", headers=headers)) == (503, "UNAVAILABLE")


def test_no_list_of_images_has_it(client: httpx.Client) -> None:
    headers = token(client, "nginx", THEIRS)
    assert client.get("/v2/_catalog", headers=headers).json() == {"repositories": ["postgres", "python"]}


@pytest.mark.parametrize("path", ["/python/", "/index/python/index.json"])
def test_an_image_that_is_public_is_so_all_the_same(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 200


def test_anonymously_there_is_no_serving_it(private: Path, serve: Serve) -> None:
    with pytest.raises(StartError, match="nginx is private, which needs REVERSE_REGISTRY_AUTH=passthrough"):
        Index(private, with_private=False)


def test_who_may_not_read_it_is_told_no_more_than_of_what_there_is_not(
    client: httpx.Client, upstream: ExampleUpstream
) -> None:
    headers = token(client, "nginx", THEIRS)
    upstream.inject(Fault(Answer(404), path="/manifests/", method="HEAD", times=None))
    answer = client.get("/v2/nginx/tags/list", headers=headers)
    assert error(answer) == (404, "NAME_UNKNOWN")
    assert answer.json()["errors"][0]["message"] == "there is no such repository, or not for you"
    assert {request.method for request in upstream.requests.matching("/manifests/")} == {"HEAD"}
