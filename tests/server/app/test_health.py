"""`/healthz` says that the process lives, `/readyz` that it is of use."""

from pathlib import Path

import httpx
import pytest

from tests.server.conftest import Serve
from tests.upstream import Answer, ExampleUpstream, Fault, Huge, Slow


def test_life_needs_nobody_else(serve: Serve, gone: Path, upstream: ExampleUpstream) -> None:
    answer = serve(index=str(gone)).get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok")
    assert len(upstream.requests) == 0


def test_ready_with_an_index_and_an_upstream_that_answers(client: httpx.Client, upstream: ExampleUpstream) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["index"]["images"] == 3
    assert answer.json()["upstream"] == "reachable"
    assert [request.target for request in upstream.requests] == ["GET /v2/"]


def test_upstream_is_asked_only_if_nothing_was_heard_of_it_lately(
    client: httpx.Client, upstream: ExampleUpstream
) -> None:
    client.get("/v2/nginx/manifests/latest")
    upstream.requests.clear()
    for _ in range(5):
        assert client.get("/readyz").status_code == 200
    assert len(upstream.requests) == 0


def test_not_ready_while_upstream_is_gone(serve: Serve, gone: Path) -> None:
    client = serve(index=str(gone))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["upstream"] == "unreachable"
    assert client.head("/v2/nginx/manifests/1.27.4").status_code == 200


@pytest.mark.parametrize("fault", [Slow(1, 0.2), Huge(500_000_000)], ids=repr)
def test_an_endless_answer_is_not_waited_for(
    client: httpx.Client, upstream: ExampleUpstream, fault: Slow | Huge
) -> None:
    upstream.inject(Fault(fault, path="/v2/"))
    assert client.get("/readyz").status_code == 200
    assert all(request.sent < 50_000_000 for request in upstream.requests)


@pytest.mark.parametrize(("status", "ready"), [(200, 200), (401, 200), (404, 200), (499, 200), (500, 503), (502, 503)])
def test_an_upstream_that_answers_anything_but_that_it_is_broken_is_there(
    client: httpx.Client, upstream: ExampleUpstream, status: int, ready: int
) -> None:
    upstream.inject(Fault(Answer(status), times=None))
    assert client.get("/readyz").status_code == ready


def test_not_ready_while_upstream_is_broken(client: httpx.Client, upstream: ExampleUpstream) -> None:
    upstream.inject(Fault(Answer(503), times=None))
    assert client.get("/readyz").status_code == 503
    upstream.faults.clear()
    assert client.get("/readyz").status_code == 200
