"""A bounded cache whose misses are shared."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(slots=True)
class _Loading(Generic[V]):
    task: "asyncio.Task[V]"
    waiters: int = 0


class Cache(Generic[K, V]):
    """Holds the values used last, up to a total weight of `limit`; `evicted` is how many had to go for others."""

    def __init__(self, limit: int, weigh: Callable[[V], int]) -> None:
        self.weight = 0
        self.evicted = 0
        self._limit = limit
        self._weigh = weigh
        self._values: OrderedDict[K, V] = OrderedDict()
        self._loading: dict[K, _Loading[V]] = {}

    def get(self, key: K) -> V | None:
        if key not in self._values:
            return None
        self._values.move_to_end(key)
        return self._values[key]

    def put(self, key: K, value: V) -> None:
        self.drop(key)
        weight = self._weigh(value)
        if weight > self._limit:
            return
        self._values[key] = value
        self.weight += weight
        while self.weight > self._limit:
            self.drop(next(iter(self._values)))
            self.evicted += 1

    def drop(self, key: K) -> None:
        if key in self._values:
            self.weight -= self._weigh(self._values.pop(key))

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
