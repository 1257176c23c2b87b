"""The soak of `python -m tests.bench.soak`, for seconds, and traffic through reloads as of `tests.bench.reloads`."""

import asyncio
from pathlib import Path

import pytest

from tests.bench.reloads import under_load
from tests.bench.soak import run
from tests.bench.traffic import Traffic
from tests.bench.worker import server
from tests.clients.serving import recorded
from tests.upstream import ExampleUpstream, Options

SECONDS, RATE, RELOAD_EVERY = 7.0, 250.0, 2.0
VISITS = 400
GROWTH = 1.15
"""Memory still moves, so soon after the start."""


@pytest.mark.timeout(500)
def test_a_server_under_mixed_traffic_leaks_nothing() -> None:
    soaked = run(SECONDS, RATE, RELOAD_EVERY, visits=VISITS)
    assert not soaked.traffic.failures
    assert soaked.growth < GROWTH
    before, after = soaked.idle
    assert after.descriptors <= before.descriptors + 10
    assert after.threads <= before.threads + 10


def test_no_visit_fails_through_reloads(tmp_path: Path) -> None:
    with ExampleUpstream(Options(redirect_blobs=False)) as upstream:
        index = recorded(tmp_path / "index", upstream, nginx="nginx")
        with server(index, core=None) as worker:
            traffic = Traffic(worker, upstream, index, rate=100)
            asyncio.run(under_load(traffic, reloads=8, pause=0.2))
    assert not traffic.failures
    assert traffic.visits.total() > 50
