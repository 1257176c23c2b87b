"""One image as its `index.json` has it: what the server needs of it."""

from datetime import datetime
from functools import cached_property
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from .names import DIGEST, MEDIA_TYPE, TAG, alphabetical
from .repository import Auth, Repository

Tag = Annotated[str, Meta(pattern=TAG)]
Digest = Annotated[str, Meta(pattern=DIGEST)]
Time = Annotated[datetime, Meta(tz=True)]


class Descriptor(Struct, frozen=True, gc=False, rename="camel"):
    """Which manifest is meant (OCI image specification 1.1, "Content Descriptors")."""

    digest: Digest
    media_type: Annotated[str, Meta(pattern=MEDIA_TYPE)]
    size: Annotated[int, Meta(ge=0)]


class Build(Descriptor, frozen=True, gc=False):
    """`gone` is since when upstream has it no longer."""

    gone: Time | None = None


class Track(Struct, frozen=True, gc=False):
    """An upstream tag that is watched, and what it pointed at last."""

    digest: Digest


class Retracted(Track, frozen=True, gc=False):
    """A tag that was wrong: answered, but listed nowhere."""

    reason: str


class Gone(Track, frozen=True, gc=False):
    """A tag whose builds upstream has no longer."""

    since: Time


class Image(Struct, dict=True):
    """
    Of an image never refreshed only the repository is known. `auth`: null where no token is needed.

    Of a `private` one nothing may be told to who cannot read it upstream.
    """

    repository: str
    schema: Literal[1] = 1
    auth: Auth | UnsetType | None = UNSET
    private: bool = False
    tracks: dict[Tag, Track] = {}
    tags: dict[Tag, Digest] = {}
    retracted: dict[Tag, Retracted] = {}
    gone: dict[Tag, Gone] = {}
    builds: list[Build] = []

    def __post_init__(self) -> None:
        self.source = Repository.parse(self.repository, self.auth or None, tokenless=self.auth is None)
        self.by_digest = {build.digest: build for build in self.builds}
        for tag, digest in (*self.tags.items(), *((tag, each.digest) for tag, each in self.retracted.items())):
            if digest not in self.by_digest:
                raise ValueError(f"tag {tag} points at {digest}, which is not in builds")

    def build(self, tag: str) -> Build | None:
        """What a tag points at, also a retracted one."""
        if tag in self.tags:
            return self.by_digest[self.tags[tag]]
        return self.by_digest[self.retracted[tag].digest] if tag in self.retracted else None

    def tracked(self, tag: str) -> Build | None:
        """What an upstream tag pointed at last."""
        return self.by_digest.get(self.tracks[tag].digest) if tag in self.tracks else None

    @cached_property
    def listing(self) -> list[str]:
        """Every tag that can be asked for and is no mistake, in the order of `alphabetical`."""
        return sorted({*self.tags, *self.tracks}, key=alphabetical)
