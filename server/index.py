"""The index: what the generator knows of each image, loaded from its JSON files."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from .errors import StartError
from .names import DIGEST, MEDIA_TYPE, NAME, TAG, Auth, Repository

Tag = Annotated[str, Meta(pattern=TAG)]
Digest = Annotated[str, Meta(pattern=DIGEST)]


class Build(Struct, frozen=True, gc=False, rename="camel"):
    digest: Digest
    media_type: Annotated[str, Meta(pattern=MEDIA_TYPE)]
    size: Annotated[int, Meta(ge=0)]
    track: str
    version: str | None = None
    created: str | None = None


class Track(Struct, frozen=True, gc=False):
    digest: Digest


class Image(Struct, dict=True):
    """One image, as its `index.json` has it; of one never refreshed only the repository is known."""

    repository: str
    schema: Literal[1] = 1
    auth: Auth | UnsetType | None = UNSET
    package: str | None = None
    tracks: dict[Tag, Track] = {}
    tags: dict[Tag, Digest] = {}
    builds: list[Build] = []

    def __post_init__(self) -> None:
        self.source = Repository.parse(self.repository, self.auth or None, tokenless=self.auth is None)
        self.by_digest = {build.digest: build for build in self.builds}
        for tag, digest in self.tags.items():
            if digest not in self.by_digest:
                raise ValueError(f"tag {tag} points at {digest}, which is not in builds")

    @cached_property
    def listing(self) -> list[str]:
        """Every tag that can be asked for, sorted."""
        return sorted({*self.tags, *self.tracks})


class Summary(Struct):
    """An image, as the catalogue has it."""

    repository: str
    refreshed: bool
    version: str | None = None
    created: str | None = None
    tags: int = 0

    @property
    def tag(self) -> str:
        """The tag of the newest version, or upstream's own."""
        return re.sub(r"[^A-Za-z0-9_.-]", "_", self.version or "latest")


class _Catalogue(Struct):
    schema: Literal[1]
    upstream: str
    images: dict[Annotated[str, Meta(pattern=NAME)], Summary]


class Index:
    """Reads `folder`. Raises StartError, naming the file and what is wrong in it."""

    def __init__(self, folder: Path) -> None:
        path = folder / "index.json"
        if not path.is_file():
            raise StartError(f"{path}: no index here; `reverse-registry refresh --index {folder}` writes one")
        with _named(path):
            catalogue = msgspec.json.decode(path.read_bytes(), type=_Catalogue)
            Repository.parse(f"{catalogue.upstream}/name")
            self.upstream, self.summaries = catalogue.upstream, catalogue.images
            self.images = {name: _image(folder, name, summary) for name, summary in self.summaries.items()}

    def repository(self, name: str) -> Repository:
        """Where `name` lives upstream, whether the index has it or not."""
        image = self.images.get(name)
        return image.source if image else Repository.parse(f"{self.upstream}/{name}")


def _image(folder: Path, name: str, summary: Summary) -> Image:
    if not summary.refreshed:
        return Image(summary.repository)
    path = folder / name / "index.json"
    with _named(path):
        return msgspec.json.decode(path.read_bytes(), type=Image)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Names the file in the message of what goes wrong with it."""
    try:
        yield
    except OSError as error:
        raise StartError(f"{path}: {error.strerror}") from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise StartError(f"{path}: {error}") from None
