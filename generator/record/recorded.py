"""What is recorded of an image, read no further than it is asked for: most images have nothing new."""

from collections.abc import Mapping
from functools import cached_property

from msgspec import Struct

from generator.errors import BrokenIndexError
from generator.images import Image
from generator.record.index import Auth, ImageIndex, Settings, Track
from generator.record.stamps import source_stamp
from generator.record.store import Store


class _Present(Struct, frozen=True, gc=False):
    pass


class _PartialBuild(Struct, frozen=True, gc=False):
    version: str | None
    sbom: _Present | None


class _PartialIndex(Struct, frozen=True):
    """An `ImageIndex` but for what takes time to read."""

    repository: str
    auth: Auth | None
    tracks: dict[str, Track]
    builds: tuple[_PartialBuild, ...]
    settings: Settings | None = None


class Recorded:
    """An image that has been refreshed before."""

    def __init__(self, store: Store, image: Image, data: bytes) -> None:
        """`data` is its index.json. Raises `BrokenIndexError`."""
        self._store = store
        self._name = image.name
        partial = store.decode(data, _PartialIndex, f"{image.name}/index.json")
        self.repository = partial.repository
        self.auth = partial.auth
        self.tracks: Mapping[str, Track] = partial.tracks
        self.settings = partial.settings
        self.has_unresolved = any(build.version is None and build.sbom is None for build in partial.builds)
        self.source_stamp = source_stamp(image, data)

    @cached_property
    def index(self) -> ImageIndex:
        """All of it. Raises `BrokenIndexError`."""
        index = self._store.image(self._name)
        if index is None:
            raise BrokenIndexError(f"{self._name}/index.json: has gone while it was being refreshed")
        known = {build.digest for build in index.builds}
        if lost := {*index.digests.values(), *(track.digest for track in index.tracks.values())} - known:
            raise BrokenIndexError(
                f"{self._store.folder / self._name}/index.json: {min(lost)} has a tag but no build; restore it from git"
            )
        return index

    @classmethod
    def of(cls, store: Store, image: Image) -> "Recorded | None":
        """None before the image's first refresh. Raises `BrokenIndexError`."""
        data = store.read(f"{image.name}/index.json")
        return None if data is None else cls(store, image, data)
