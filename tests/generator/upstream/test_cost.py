"""What an upstream may cost: memory, time, requests."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from generator.document import decode
from generator.errors import BudgetError, MalformedError, TransientError
from generator.reference import Repository
from generator.resolve.formats.spdx import read_spdx
from generator.upstream import Client, Connections
from generator.upstream.memory import Memory
from generator.upstream.redaction import hide
from generator.upstream.transport.deadline import within
from tests.generator.conftest import QUICK, Index
from tests.upstream import ExampleUpstream, Fault, Slow


@pytest.fixture
def upstream() -> Iterator[ExampleUpstream]:
    with ExampleUpstream() as running:
        yield running


@pytest.mark.parametrize(
    "packages",
    [b"{}," * 1_000_000 + b"{}", b"[]," * 1_000_000 + b"{}", b'{"externalRefs":[' + b"{}," * 1_000_000 + b"{}]}"],
)
def test_a_document_of_nothing_but_values_is_refused_before_it_is_decoded(packages: bytes) -> None:
    with pytest.raises(MalformedError, match="are too many to be read"):
        read_spdx(b'{"spdxVersion":"SPDX-2.3","packages":[' + packages + b"]}", "what", "")


def test_a_large_document_of_ordinary_packages_is_read() -> None:
    package = (
        b'{"SPDXID":"SPDXRef-1","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:apk/wolfi/a@1-r0"}]}'
    )
    packages = b",".join([package] * 50_000)
    assert len(read_spdx(b'{"spdxVersion":"SPDX-2.3","packages":[' + packages + b"]}", "what", "")) == 1


def test_a_large_text_full_of_commas_is_no_list() -> None:
    assert decode(b'"' + b"a licence, and another, " * 100_000 + b'"', str, "what")


def test_documents_are_held_up_to_a_bound_over_all_threads() -> None:
    memory, inside, most = Memory(10), 0, 0
    lock, both = threading.Lock(), threading.Barrier(2)

    def read(_: int) -> None:
        nonlocal inside, most
        with memory.holding(5):
            with lock:
                inside += 1
                most = max(most, inside)
            both.wait(10)
            with lock:
                inside -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(read, range(8)))
    assert most == 2


def test_a_document_over_the_bound_is_held_alone_and_one_within_another_does_not_wait() -> None:
    memory = Memory(10)
    with memory.holding(100), memory.holding(100):
        pass
    with memory.holding(10):
        pass


def test_an_image_whose_answers_trickle_is_given_up_and_the_others_are_not(
    upstream: ExampleUpstream, tmp_path: Path
) -> None:
    upstream.inject(Fault(Slow(1, 0.05), path="/chainguard/nginx/(manifests/sha256|_chainguard)", times=None))
    index = Index(upstream, tmp_path, '[images.nginx]\n[images.postgres]\nsince = "now"\n', replace(QUICK, image=4.0))
    assert index.refresh()["nginx"].errors
    assert index.image("postgres").builds


def test_nothing_is_asked_for_once_the_budget_is_spent(upstream: ExampleUpstream) -> None:
    with Connections(1) as connections:
        client = Client(Repository.parse(upstream.repository("nginx")), connections, replace(QUICK, image=0.0))
        with pytest.raises(BudgetError, match="the rest waits for the next refresh"):
            client.head("latest")
    assert len(upstream.requests) == 0


@pytest.fixture
def trickling() -> Iterator[int]:
    """A port at which an answer's first header never ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not over.wait(0.02):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    over.set()
    thread.join(10)
    listener.close()


def test_headers_that_trickle_are_given_up_in_time(trickling: int) -> None:
    limits = replace(QUICK, attempts=1, image=0.5)
    with Connections(1) as connections:
        client = Client(Repository.parse(f"127.0.0.1:{trickling}/demo"), connections, limits)
        with pytest.raises(TransientError):
            client.head("latest")


def test_so_are_those_of_a_proxy(trickling: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{trickling}")
    with Connections(1) as connections, within(0.5), pytest.raises(requests.RequestException):
        connections.request("GET", "http://registry.example/v2/", {}, (5.0, 5.0))


def test_a_secret_is_hidden_in_whatever_form_it_is_repeated() -> None:
    secret = "s3cret/+ value"
    said = f"{secret} s3cret%2F%2B%20value s3cret%2F%2B+value czNjcmV0LysgdmFsdWU="
    assert hide(said, secret) == "*** *** *** ***"
