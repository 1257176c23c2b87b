"""The index in use."""

from pathlib import Path

from .index import Index


class Current:
    """Holds the index that is served: `index` is another one after a reload, so ask for it once a request."""

    def __init__(self, folder: Path) -> None:
        """Raises StartError."""
        self.folder = folder
        self.index = Index(folder)
