"""A bounded cache whose misses are shared."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Generic, TypeVar

from cachetools import TLRUCache

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(slots=True)
class _Loading(Generic[V]):
    task: "asyncio.Task[V]"
    waiters: int = 0


class Cache(TLRUCache[K, V]):
    """Holds the values used last, up to a total weight of `limit`, each for as many seconds as `lifetime` says."""

    def __init__(
        self, limit: int, weigh: Callable[[V], int] = lambda _: 1, lifetime: Callable[[V], float] = lambda _: inf
    ) -> None:
        super().__init__(limit, lambda _, value, now: now + lifetime(value), monotonic, weigh)
        self._loading: dict[K, _Loading[V]] = {}

    def put(self, key: K, value: V) -> None:
        """Holds it in place of what `key` had; not what weighs more than the limit."""
        self.pop(key, None)
        with suppress(ValueError):
            self[key] = value

    async def load(self, key: K, load: Callable[[], Awaitable[V]]) -> V:
        """
        The value of `key`, by one call of `load` for all who wait.

        Who gives up stops nobody else's; when nobody waits any more the call is given up too.
        """
        value = self.get(key)
        if value is not None:
            return value
        loading = self._loading.get(key)
        if loading is None:
            loading = self._loading[key] = _Loading(asyncio.create_task(self._fill(key, load)))
        loading.waiters += 1
        try:
            return await asyncio.shield(loading.task)
        finally:
            loading.waiters -= 1
            if not loading.waiters and self._loading.get(key) is loading:
                del self._loading[key]
                loading.task.cancel()

    async def _fill(self, key: K, load: Callable[[], Awaitable[V]]) -> V:
        value = await load()
        self.put(key, value)
        return value
