"""How much of documents may be in memory at once, over all threads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_BYTES = 128 * 1024 * 1024


class Memory:
    """So many bytes of documents, as they are sent. Who wants more than is left waits for others to be done."""

    def __init__(self, size: int = _BYTES) -> None:
        self._size = size
        self._left = size
        self._changed = threading.Condition()
        self._holder = threading.local()

    @contextmanager
    def holding(self, size: int) -> Iterator[None]:
        """While a document of `size` is downloaded and read; one over the bound is held alone.

        A thread that holds something already is let through: two could wait for each other otherwise.
        """
        if getattr(self._holder, "holds", False):
            yield
            return
        wanted = min(size, self._size)
        with self._changed:
            self._changed.wait_for(lambda: wanted <= self._left)
            self._left -= wanted
        self._holder.holds = True
        try:
            yield
        finally:
            self._holder.holds = False
            with self._changed:
                self._left += wanted
                self._changed.notify_all()
