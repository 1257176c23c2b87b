"""The index: what the generator knows of each image, loaded from its JSON files."""

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from .errors import StartError
from .names import DIGEST, MEDIA_TYPE, NAME, TAG, Auth, Repository

Tag = Annotated[str, Meta(pattern=TAG)]
Digest = Annotated[str, Meta(pattern=DIGEST)]
Files = dict[Path, tuple[int, int, int] | None]
Time = Annotated[datetime, Meta(tz=True)]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Build(Struct, frozen=True, gc=False, rename="camel"):
    digest: Digest
    media_type: Annotated[str, Meta(pattern=MEDIA_TYPE)]
    size: Annotated[int, Meta(ge=0)]
    track: str
    version: str | None = None
    created: Time | None = None
    seen: Time | None = None

    @property
    def when(self) -> datetime | None:
        """When its track began to point at it."""
        return self.seen or self.created

    @property
    def moment(self) -> datetime | None:
        """When it was made, or seen where it hides that (1970, as reproducible builds do)."""
        return self.created if self.created and self.created > _EPOCH else self.seen


def alphabetical(tag: str) -> tuple[str, str]:
    """Lexical order is without regard to case (OCI distribution specification 1.1, "Listing tags")."""
    return tag.lower(), tag


class Track(Struct, frozen=True, gc=False):
    digest: Digest


class Image(Struct, dict=True):
    """One image, as its `index.json` has it; of one never refreshed only the repository is known, and no checksum."""

    repository: str
    schema: Literal[1] = 1
    auth: Auth | UnsetType | None = UNSET
    package: str | None = None
    tracks: dict[Tag, Track] = {}
    tags: dict[Tag, Digest] = {}
    builds: list[Build] = []

    def __post_init__(self) -> None:
        self.checksum = b""
        self.source = Repository.parse(self.repository, self.auth or None, tokenless=self.auth is None)
        self.by_digest = {build.digest: build for build in self.builds}
        for tag, digest in self.tags.items():
            if digest not in self.by_digest:
                raise ValueError(f"tag {tag} points at {digest}, which is not in builds")

    def build(self, tag: str) -> Build | None:
        digest = self.tags.get(tag)
        return self.by_digest[digest] if digest else None

    @cached_property
    def listing(self) -> list[str]:
        """Every tag that can be asked for, in the order of `alphabetical`."""
        return sorted({*self.tags, *self.tracks}, key=alphabetical)


class Summary(Struct):
    """An image, as the catalogue has it."""

    repository: str
    refreshed: bool
    frozen: bool = False
    package: str | None = None
    version: str | None = None
    digest: Digest | None = None
    created: Time | None = None
    builds: int = 0
    tags: int = 0


class _Catalogue(Struct):
    schema: Literal[1]
    upstream: str
    images: dict[Annotated[str, Meta(pattern=NAME)], Summary]


class Index:
    """
    Reads `folder`. Raises StartError, naming the file and what is wrong in it.

    An image whose file says what it said before is that of `known`. `files` is given the identity of each file before
    it is read, also where the index is refused. `home` is a repository of the index's `upstream`.
    """

    def __init__(
        self, folder: Path, files: Files | None = None, known: Mapping[str, Image] = MappingProxyType({})
    ) -> None:
        path = folder / "index.json"
        self._files = {} if files is None else files
        self._files[path] = identity(path)
        if self._files[path] is None:
            raise StartError(f"{path}: no index here; `reverse-registry refresh --index {folder}` writes one")
        with _named(path):
            catalogue = msgspec.json.decode(read(path), type=_Catalogue)
            Repository.parse(f"{catalogue.upstream}/name")
            self.upstream, self.summaries = catalogue.upstream, catalogue.images
            self.images = {
                name: self._image(folder, name, summary, known.get(name)) for name, summary in self.summaries.items()
            }
        sources = [image.source for image in self.images.values()]
        self._auth = {source.host: source.auth for source in sources if source.auth}
        self.home = self._with_auth(Repository.parse(f"{self.upstream}/name"))

    def newest(self, name: str) -> Build | None:
        """The build of an image's newest version, else the one seen last."""
        image, digest = self.images[name], self.summaries[name].digest
        return image.by_digest.get(digest or "") or (image.builds[-1] if image.builds else None)

    def repository(self, name: str) -> Repository:
        """Where `name` lives upstream, whether the index has it or not."""
        image = self.images.get(name)
        return self._with_auth(image.source if image else Repository.parse(f"{self.upstream}/{name}"))

    def _with_auth(self, repository: Repository) -> Repository:
        """A registry that asks for tokens does so for each of its repositories."""
        if repository.auth or repository.tokenless or repository.host not in self._auth:
            return repository
        return replace(repository, auth=self._auth[repository.host])

    def _image(self, folder: Path, name: str, summary: Summary, known: Image | None) -> Image:
        path = folder / name / "index.json"
        self._files[path] = identity(path)
        if not summary.refreshed:
            return Image(summary.repository)
        with _named(path):
            body = read(path)
            checksum = sha256(body).digest()
            if known and known.checksum == checksum:
                return known
            image = msgspec.json.decode(body, type=Image)
            image.checksum = checksum
            return image


def read(path: Path) -> bytes:
    """The content of a regular file: a pipe would be waited for. Raises OSError."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "Not a regular file")
        return file.read()


def identity(path: Path) -> tuple[int, int, int] | None:
    """What tells that a file is another one than it was: nanoseconds, size, inode. None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Names the file in the message of what goes wrong with it."""
    try:
        yield
    except OSError as error:
        raise StartError(f"{path}: {error.strerror}") from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise StartError(f"{path}: {error}") from None
