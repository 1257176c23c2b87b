"""What is decided once and sent again: for how long it holds, and for which requests."""

from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from server.index.current import Current
from server.registry import known
from server.registry.known import RegistryResponse
from server.registry.prepared import Prepared

DIGEST = "sha256:" + "0" * 64


def scope(method: str = "GET", *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    path = b"/v2/nginx/manifests/1.27.4"
    return {
        "type": "http",
        "method": method,
        "path": path.decode(),
        "raw_path": path,
        "query_string": b"",
        "headers": [(b"host", b"x"), *headers],
    }


@pytest.fixture
def prepared(index: Path) -> Prepared:
    return Prepared(Current(index), 1000)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_known_tag_says_the_same_until_another_index_is_in_use(index: Path, method: str) -> None:
    image = Current(index).index.images["nginx"]
    build = image.build("1.27.4")
    assert build
    answer = known.tag(Request(scope(method)), image, "1.27.4", build, "")
    assert isinstance(answer, RegistryResponse)
    assert answer.body == b""


def test_a_build_that_only_the_index_tells_of_has_no_body(index: Path) -> None:
    build = Current(index).index.images["nginx"].build("1.27.4")
    assert build
    assert known.manifest(Request(scope("HEAD")), build, "no-store").body == b""


def test_what_has_an_entity_tag_is_sent_again_unless_a_request_names_one(prepared: Prepared) -> None:
    prepared.keep(scope(), RegistryResponse(200, {"ETag": f'"{DIGEST}"'}, b"body"))
    assert prepared.get(scope())
    assert prepared.get(scope("GET", (b"accept", b"*/*")))
    assert not prepared.get(scope("GET", (b"if-none-match", b'"another"')))
    assert not prepared.get(scope("HEAD"))


def test_what_has_none_is_sent_whatever_a_request_names(prepared: Prepared) -> None:
    prepared.keep(scope(), RegistryResponse(307, {}))
    assert prepared.get(scope("GET", (b"if-none-match", b'"another"')))


def test_what_the_client_has_already_is_an_answer_for_its_request_alone(index: Path) -> None:
    build = Current(index).index.images["nginx"].build("1.27.4")
    assert build
    request = Request(scope("GET", (b"if-none-match", f'"{build.digest}"'.encode())))
    assert not isinstance(known.manifest(request, build, "no-store"), RegistryResponse)
