"""The index in use, and how another one takes its place."""

import asyncio
import gc
import logging
import signal
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from . import metrics
from .errors import StartError
from .index import Files, Image, Index, identity

INTERVAL = 2.0
"""Seconds between two looks at the files. A changed index is loaded once it looks the same twice."""

logger = logging.getLogger("uvicorn.error")


class Current:
    """
    Holds the index that is served: `index` is another one after a reload, so ask for it once a request.

    A changed index that is wrong is refused, and the one in use stays.
    """

    def __init__(self, folder: Path) -> None:
        """Raises StartError."""
        self.folder = folder
        self._hangup = asyncio.Event()
        self._seen: Files = {}
        self._take(Index(folder, self._seen))
        # What is here at the start stays: no garbage collection has to walk it again. Not so at a reload, when requests
        # in flight would be kept for ever.
        gc.freeze()

    def _take(self, index: Index) -> None:
        self.index, self.loaded = index, datetime.now(UTC)
        metrics.IMAGES.set(len(index.images))
        metrics.BUILDS.set(sum(len(image.builds) for image in index.images.values()))
        metrics.TAGS.set(sum(len(image.tags) for image in index.images.values()))
        metrics.LOADED.set_to_current_time()

    async def watch(self) -> None:
        """Reloads at SIGHUP, and when the files have changed. Runs until it is cancelled."""
        with suppress(ValueError, RuntimeError):  # only the main thread is told of signals
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hangup.set)
        pending: Files = {}
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hangup.wait(), INTERVAL)
            try:
                files = await asyncio.to_thread(self._look)
                if self._hangup.is_set() or (files != self._seen and files == pending):
                    self._hangup.clear()
                    await self.reload()
                pending = files
            except Exception:
                logger.exception("The index could not be looked at; the one in use stays")

    def _look(self) -> Files:
        return {path: identity(path) for path in self._seen}

    async def reload(self) -> bool:
        """Whether the index that is in the folder now is in use."""
        seen: Files = {}
        try:
            index = await asyncio.to_thread(Index, self.folder, seen, self.index.images)
        except StartError as error:
            # What made the refused one wrong is watched as well: it may come later.
            self._seen = await asyncio.to_thread(self._look) | seen
            metrics.RELOADS.labels("refused").inc()
            stays = self.loaded.isoformat(timespec="seconds")
            logger.error("The changed index is refused, that of %s stays in use: %s", stays, error)  # noqa: TRY400
            return False
        self._seen = seen
        retired = list(self.index.images.values())
        self._take(index)
        metrics.RELOADS.labels("taken").inc()
        logger.info("The changed index is in use: %d images", len(index.images))
        await asyncio.to_thread(_release, retired)
        return True


def _release(retired: list[Image]) -> None:
    """One image at a time: to let go of all at once would hold up every request."""
    while retired:
        retired.pop()
