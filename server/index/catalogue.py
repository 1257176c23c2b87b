"""The index: what the generator knows of each image, loaded from its JSON files."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from ..errors import StartError
from .folder import Folder
from .image import Image
from .names import NAME
from .repository import Auth, Repository


class _Summary(Struct):
    repository: str
    refreshed: bool
    private: bool = False


class _Catalogue(Struct):
    schema: Literal[1]
    upstream: str
    images: dict[Annotated[str, Meta(pattern=NAME)], _Summary]


class Index:
    """
    Reads `folder`. Raises StartError, naming the file and what is wrong in it.

    `known` is the index before: an image whose file says what it said then is that one's. `documents` are the files
    that are served as they are, by their path in the folder. `home` is a repository of the index's `upstream`. Unless
    `with_private`, an index that has private images is refused.
    """

    def __init__(self, folder: Path, known: "Index | None" = None, with_private: bool = True) -> None:
        self._folder = Folder(folder)
        self.documents = self._folder.documents
        with self._named("index.json"):
            catalogue = msgspec.json.decode(self._read("index.json", known), type=_Catalogue)
            self.upstream = catalogue.upstream
            self.home = Repository.parse(f"{self.upstream}/name")
        self.images = {name: self._image(name, summary, known) for name, summary in catalogue.images.items()}
        with self._named("schema.json"), suppress(FileNotFoundError):
            self._read("schema.json", known)
        self.private = [name for name, image in self.images.items() if image.private]
        if self.private and not with_private:
            only = f"{self.private[0]} is private, which needs REVERSE_REGISTRY_AUTH=passthrough"
            raise StartError(f"{self._folder.root}: {only}")
        self._auth = self._token_endpoints()
        self.home = self._with_auth(self.home)
        self._by_repository = {(each.source.host, each.source.path): each for each in self.images.values()}
        self._by_path = {path: image for (_, path), image in self._by_repository.items()}

    def locate(self, name: str) -> tuple[Image | None, Repository]:
        """
        The image that `name` is, if any, and where it lives upstream, whether the index has it or not.

        A name is an image's, or else the path of its repository, or else of something below `upstream`.
        """
        if image := self.images.get(name) or self._by_path.get(name):
            return image, self._with_auth(image.source)
        host, _, path = self.upstream.partition("/")
        below = host if path and name.startswith(f"{path}/") else self.upstream
        return None, self._with_auth(Repository.parse(f"{below}/{name}"))

    def locate_at(self, registry: str, name: str) -> tuple[Image | None, Repository] | None:
        """The same of a path at a `registry`, `host[:port]`; None where the index knows nothing of that."""
        try:
            asked = Repository.parse(f"{registry}/{name}")
        except ValueError:
            return None
        if image := self._by_repository.get((asked.host, asked.path)):
            return image, self._with_auth(image.source)
        known = {self.home.host, *(host for host, _ in self._by_repository)}
        return (None, self._with_auth(asked)) if asked.host in known else None

    def _with_auth(self, repository: Repository) -> Repository:
        """A registry that asks for tokens does so for each of its repositories."""
        if repository.auth or repository.tokenless or repository.host not in self._auth:
            return repository
        return replace(repository, auth=self._auth[repository.host])

    def _token_endpoints(self) -> dict[str, Auth]:
        """One for each registry: of two, one could be given credentials that are the other's."""
        found: dict[str, Auth] = {}
        for name, image in self.images.items():
            host, auth = image.source.host, image.source.auth
            if auth and found.setdefault(host, auth) != auth:
                path = self._folder.root / name / "index.json"
                raise StartError(f"{path}: auth is not what another image of {host} has: {found[host].realm}")
        return found

    def _image(self, name: str, summary: _Summary, known: "Index | None") -> Image:
        path, packages = f"{name}/index.json", f"{name}/packages.json"
        if not summary.refreshed:
            with self._named("index.json"):
                return Image(summary.repository, private=summary.private)
        with self._named(packages), suppress(FileNotFoundError):
            msgspec.json.decode(self._read(packages, known), type=Raw)
        with self._named(path):
            body = self._read(path, known)
            is_known = known and known.documents.get(path) is self.documents[path]
            return known.images[name] if known and is_known else msgspec.json.decode(body, type=Image)

    def _read(self, path: str, known: "Index | None") -> bytes:
        return self._folder.read(path, known.documents.get(path) if known else None)

    @contextmanager
    def _named(self, path: str) -> Iterator[None]:
        """Names the file in the message of what goes wrong with it."""
        root = self._folder.root
        try:
            yield
        except OSError as error:
            is_nothing = path == "index.json" and isinstance(error, FileNotFoundError)
            advice = f"no index here; `reverse-registry refresh --index {root}` writes one"
            raise StartError(f"{root / path}: {advice if is_nothing else error.strerror}") from None
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise StartError(f"{root / path}: {error}") from None
