"""The index in use, and how another one takes its place."""

import asyncio
import gc
import logging
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from ..errors import StartError
from .catalogue import Index
from .folder import look
from .image import Image

INTERVAL = 2.0
"""Seconds between two looks at the files. A changed index is loaded once it looks the same twice."""

logger = logging.getLogger("uvicorn.error")


class Current:
    """
    Holds the index that is served: `index` is another one after a reload, so ask for it once a request.

    A changed index that is wrong is refused, and the one in use stays. `on_reload` is given the one that was taken, or
    None where it was refused.
    """

    def __init__(
        self, folder: Path, on_reload: Callable[[Index | None], None] = lambda _: None, with_private: bool = True
    ) -> None:
        """Raises StartError."""
        self._root = folder
        self._on_reload = on_reload
        self._with_private = with_private
        self._hangup = asyncio.Event()
        self._files = look(folder)
        self.index, self.loaded = Index(folder, None, with_private), datetime.now(UTC)
        # What is here at the start stays: no garbage collection has to walk it again. Not so at a reload, when requests
        # in flight would be kept for ever.
        gc.freeze()

    async def watch(self) -> None:
        """Reloads at SIGHUP, and when the files have changed. Runs until it is cancelled."""
        with suppress(ValueError, RuntimeError):  # only the main thread is told of signals
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hangup.set)
        before = self._files
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hangup.wait(), INTERVAL)
            try:
                files = await asyncio.to_thread(look, self._root)
                if self._hangup.is_set() or (files != self._files and files == before):
                    self._hangup.clear()
                    self._files = files
                    await self.reload()
                before = files
            except Exception:
                logger.exception("The index could not be looked at; the one in use stays")

    async def reload(self) -> bool:
        """Whether the index that is in the folder now is in use."""
        try:
            index = await asyncio.to_thread(Index, self._root, self.index, self._with_private)
        except StartError as error:
            self._on_reload(None)
            stays = self.loaded.isoformat(timespec="seconds")
            logger.error("The changed index is refused, that of %s stays in use: %s", stays, error)  # noqa: TRY400
            return False
        retired = list(self.index.images.values())
        self.index, self.loaded = index, datetime.now(UTC)
        self._on_reload(index)
        logger.info("The changed index is in use: %d images", len(index.images))
        await asyncio.to_thread(_release, retired)
        return True


def _release(retired: list[Image]) -> None:
    """One image at a time: to let go of all at once would hold up every request."""
    while retired:
        retired.pop()
