"""Lines for standard output, written by a thread of their own: where nobody reads them no request has to wait."""

import os
import sys
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread

from . import metrics

MOST, LAST = 100, 1.0
"""How many batches may wait to be written, and how many seconds the last ones are given at the end."""


class LogWriter:
    def __init__(self) -> None:
        self._batches: SimpleQueue[bytes] = SimpleQueue()
        self._output = sys.stdout.fileno()
        self._thread = Thread(target=self._write, daemon=True)
        self._thread.start()

    def put(self, lines: list[bytes]) -> None:
        """Drops them where too much waits already."""
        if self._batches.qsize() < MOST:
            self._batches.put(b"".join(lines))
        else:
            metrics.LOST.inc(len(lines))

    def close(self) -> None:
        self._batches.put(b"")
        self._thread.join(LAST)

    def _write(self) -> None:
        while batch := self._batches.get():
            with suppress(OSError):
                while batch:
                    batch = batch[os.write(self._output, batch) :]
