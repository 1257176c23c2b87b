"""A bounded cache whose misses are shared."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from math import inf
from time import monotonic
from typing import TypeVar

from cachetools import TLRUCache

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cache(TLRUCache[K, V]):
    """Holds the values used last, up to a total weight of `limit`, each for as many seconds as `lifetime` says."""

    def __init__(
        self, limit: int, weigh: Callable[[V], int] = lambda _: 1, lifetime: Callable[[V], float] = lambda _: inf
    ) -> None:
        super().__init__(limit, lambda _, value, now: now + lifetime(value), monotonic, weigh)
        self._loading: dict[K, asyncio.Task[V]] = {}
        self._waiters = Counter[K]()

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
        if not self._waiters[key]:
            self._loading[key] = asyncio.create_task(self._fill(key, load))
        self._waiters[key] += 1
        try:
            return await asyncio.shield(self._loading[key])
        finally:
            self._waiters[key] -= 1
            if not self._waiters[key]:
                del self._waiters[key]
                self._loading.pop(key).cancel()

    async def _fill(self, key: K, load: Callable[[], Awaitable[V]]) -> V:
        value = await load()
        self.put(key, value)
        return value
