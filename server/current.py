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
        self._take(Index(folder))

    def _take(self, index: Index) -> None:
        self.index, self.loaded, self._seen = index, datetime.now(UTC), index.files
        metrics.IMAGES.set(len(index.images))
        metrics.BUILDS.set(sum(len(image.builds) for image in index.images.values()))
        metrics.TAGS.set(sum(len(image.tags) for image in index.images.values()))
        metrics.LOADED.set_to_current_time()
        # The index stays for long: no garbage collection has to walk it again.
        gc.freeze()

    async def watch(self) -> None:
        """Reloads at SIGHUP, and when the files have changed. Runs until it is cancelled."""
        with suppress(ValueError, RuntimeError):  # only the main thread is told of signals
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hangup.set)
        pending: Files = {}
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hangup.wait(), INTERVAL)
            files = await asyncio.to_thread(self._look)
            if self._hangup.is_set() or (files != self._seen and files == pending):
                self._hangup.clear()
                await self.reload()
            pending = files

    def _look(self) -> Files:
        return {path: identity(path) for path in self.index.files}

    async def reload(self) -> bool:
        """Whether the index that is in the folder now is in use."""
        seen = await asyncio.to_thread(self._look)
        try:
            index = await asyncio.to_thread(Index, self.folder)
        except StartError as error:
            self._seen = seen
            metrics.RELOADS.labels("refused").inc()
            stays = self.loaded.isoformat(timespec="seconds")
            logger.error("The changed index is refused, that of %s stays in use: %s", stays, error)  # noqa: TRY400
            return False
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
