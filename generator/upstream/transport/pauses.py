"""Hosts that have asked to be left alone for a while: one answer that says so slows every thread."""

import threading
import time

from generator.errors import TransientError


class Pauses:
    """Nobody waits for longer than `patience` seconds, or once `stopping` is set."""

    def __init__(self, patience: float, stopping: threading.Event) -> None:
        self._patience = patience
        self._stopping = stopping
        self._until: dict[str, float] = {}
        self._since: dict[str, float] = {}
        self._lock = threading.Lock()

    def ask(self, host: str, seconds: float) -> None:
        """`host` has asked for it; a pause that is longer already stays."""
        now = time.monotonic()
        with self._lock:
            if now - self._until.get(host, now) > self._patience:
                self._since.pop(host, None)
            self._until[host] = max(self._until.get(host, 0.0), now + seconds)
            self._since.setdefault(host, now)

    def answered(self, host: str) -> None:
        """`host` has given a proper answer since."""
        self._since.pop(host, None)

    def wait(self, host: str) -> None:
        """Until `host` may be asked again. Raises `TransientError` where that would take too long."""
        began = time.monotonic()
        is_recent = began - self._until.get(host, 0.0) <= self._patience
        if is_recent and began - self._since.get(host, began) > self._patience:
            raise TransientError(f"{host} has asked to be left alone for over {self._patience:.0f} seconds")
        while (until := self._until.get(host, 0.0)) > time.monotonic():
            left = until - time.monotonic()
            if until - began > self._patience:
                raise TransientError(f"{host} asks to be left alone for {left:.0f} seconds", left)
            if self._stopping.wait(left):
                return
