"""Repositories of an example upstream, one for each test."""

import itertools
from collections.abc import Iterator

import pytest

from tests.generator.attaching import Demo
from tests.upstream import ExampleUpstream

names = (f"demo-{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def running() -> Iterator[ExampleUpstream]:
    with ExampleUpstream(catalogue=()) as upstream:
        yield upstream


@pytest.fixture
def demo(running: ExampleUpstream) -> Iterator[Demo]:
    """A repository of its own, without the referrers API."""
    running.options.referrers = False
    running.options.referrer_type = "{type}"
    yield Demo(running, next(names))
    running.faults.clear()


@pytest.fixture
def referring(demo: Demo) -> Demo:
    """Likewise, with the API."""
    demo.upstream.options.referrers = True
    return demo
