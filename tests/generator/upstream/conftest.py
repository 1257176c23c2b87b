"""A client of an upstream that a module shares. A test finds it without requests, and leaves it without faults."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from generator.reference import Repository
from generator.upstream import Client, Connections
from tests.generator.conftest import QUICK
from tests.upstream import ExampleUpstream, Options


@pytest.fixture(scope="module")
def options() -> Options:
    """Those that the upstream starts with."""
    return Options()


@pytest.fixture(scope="module")
def running(options: Options) -> Iterator[ExampleUpstream]:
    with ExampleUpstream(options) as upstream:
        yield upstream


@pytest.fixture
def upstream(running: ExampleUpstream) -> Iterator[ExampleUpstream]:
    running.requests.clear()
    yield running
    running.faults.clear()


@pytest.fixture
def client(upstream: ExampleUpstream) -> Iterator[Client]:
    with Connections(4) as connections:
        yield Client(Repository.parse(upstream.repository("nginx")), connections, replace(QUICK, attempts=1))
