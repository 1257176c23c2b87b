"""Requests under way: asked in threads, their answers taken one after another by whoever iterates."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from threading import TIMEOUT_MAX
from time import monotonic
from typing import Any, TypeVar

from generator.refresh.image import ImageRefresh

T = TypeVar("T")


class Tasks:
    """`jobs` requests at once."""

    def __init__(self, jobs: int) -> None:
        self._pool = ThreadPoolExecutor(jobs)
        self._done: SimpleQueue[Future[Any]] = SimpleQueue()
        self._under_way: dict[Future[Any], tuple[ImageRefresh, Callable[[], None]]] = {}

    def start(self, work: ImageRefresh, ask: Callable[[], T], take: Callable[[Callable[[], T]], None]) -> None:
        """`ask` runs in a thread; `take` is given its result, which may raise, where `finished` is iterated."""
        future = self._pool.submit(ask)
        self._under_way[future] = work, lambda: take(future.result)
        future.add_done_callback(self._done.put)

    def finished(self, deadline: float) -> Iterator[ImageRefresh]:
        """The image of each answer, as they come, until nothing is under way or `deadline` (monotonic) is past."""
        while self._under_way and (left := deadline - monotonic()) > 0:
            try:
                done = self._done.get(timeout=min(left, TIMEOUT_MAX))
            except Empty:
                continue
            work, take = self._under_way.pop(done)
            take()
            yield work

    def give_up(self) -> list[ImageRefresh]:
        """The images whose answers are not waited for any more, nor are the requests themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        return list({id(work): work for work, _ in self._under_way.values()}.values())
