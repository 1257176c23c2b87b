"""The time that one image may take of a refresh, so that the others have theirs."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from generator.errors import BudgetError


class Budget:
    """So many seconds of requests, however many threads make them."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._left = seconds
        self._lock = threading.Lock()

    @contextmanager
    def spending(self, most: float, what: str) -> Iterator[float]:
        """The seconds that something may take, at most `most`; what it has taken is spent afterwards.

        Raises `BudgetError` where nothing is left.
        """
        if self._left <= 0:
            raise BudgetError(
                f"{what}: its upstream has taken {self._seconds:.0f} seconds; the rest waits for the next refresh"
            )
        began = time.monotonic()
        try:
            yield min(most, self._left)
        finally:
            with self._lock:
                self._left -= time.monotonic() - began
