"""A client of the upstream that a module shares."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from generator.reference import Repository
from generator.upstream import Client, Connections
from tests.generator.conftest import QUICK
from tests.upstream import ExampleUpstream


@pytest.fixture
def upstream(shared: ExampleUpstream) -> ExampleUpstream:
    return shared


@pytest.fixture
def client(upstream: ExampleUpstream) -> Iterator[Client]:
    with Connections(4) as connections:
        yield Client(Repository.parse(upstream.repository("nginx")), connections, replace(QUICK, attempts=1))
