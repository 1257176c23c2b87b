"""The bounded cache whose misses are shared."""

import asyncio

import pytest

from server.upstream.cache import Cache


def test_what_was_used_last_is_kept() -> None:
    cache: Cache[str, bytes] = Cache(10, len)
    cache.put("a", b"1234")
    cache.put("b", b"1234")
    assert cache.get("a") == b"1234"
    cache.put("c", b"1234")
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (b"1234", None, b"1234")
    assert cache.currsize == 8


def test_what_is_heavier_than_everything_is_not_kept() -> None:
    cache: Cache[str, bytes] = Cache(10, len)
    cache.put("a", b"x" * 11)
    assert (cache.get("a"), cache.currsize) == (None, 0)


def test_a_value_that_is_put_again_weighs_once() -> None:
    cache: Cache[str, bytes] = Cache(10, len)
    for _ in range(5):
        cache.put("a", b"1234")
    assert cache.currsize == 4


def test_a_failure_reaches_all_who_wait_and_is_not_kept() -> None:
    async def scenario() -> None:
        cache: Cache[str, bytes] = Cache(10, len)
        calls = 0

        async def load() -> bytes:
            nonlocal calls
            calls += 1
            await asyncio.sleep(0)
            if calls == 1:
                raise ValueError
            return b"1"

        failed = await asyncio.gather(*(cache.load("a", load) for _ in range(3)), return_exceptions=True)
        assert [type(failure) for failure in failed] == [ValueError] * 3
        assert await cache.load("a", load) == b"1"
        assert calls == 2

    asyncio.run(scenario())


def test_a_waiter_that_is_cancelled_leaves_the_others_waiting() -> None:
    async def scenario() -> None:
        cache: Cache[str, bytes] = Cache(10, len)

        async def load() -> bytes:
            await asyncio.sleep(0.05)
            return b"1"

        first, second = (asyncio.create_task(cache.load("a", load)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == b"1"
        with pytest.raises(asyncio.CancelledError):
            await first

    asyncio.run(scenario())


def test_a_value_lasts_as_long_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr("server.upstream.cache.monotonic", lambda: clock[0])
    cache: Cache[str, float] = Cache(10, lifetime=lambda value: value)
    for value in (0.0, 5.0, 7.0):
        cache.put(str(value), value)
    assert [cache.get(key) for key in ("0.0", "5.0", "7.0")] == [None, 5.0, 7.0]
    clock[0] += 5
    assert [cache.get(key) for key in ("0.0", "5.0", "7.0")] == [None, None, 7.0]
