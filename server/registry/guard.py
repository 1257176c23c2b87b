"""Private images: what the index tells of one is for those alone whom upstream has let read it, not long ago."""

from time import monotonic

from starlette.requests import Request

from ..errors import RegistryError
from ..index.current import Current
from ..index.image import Image
from ..index.repository import Repository
from ..upstream.cache import Cache
from ..upstream.calls import Upstream
from .passthrough import Passthrough

PROOF_SECONDS, PROOFS = 60.0, 10_000


class Guard:
    """Without `passthrough` there are no private images: such an index is refused."""

    def __init__(self, current: Current, upstream: Upstream, passthrough: Passthrough | None) -> None:
        self._current = current
        self._upstream = upstream
        self._passthrough = passthrough
        self._proofs: Cache[Repository, float] = Cache(PROOFS, lambda _: 1)

    def is_open(self, image: Image | None, repository: Repository) -> bool:
        """Whether it may be told of, with the token that `repository` has."""
        return image is None or not image.private or (self._proofs.get(repository) or 0.0) > monotonic()

    async def prove(self, image: Image, repository: Repository) -> None:
        """Asks upstream with the client's own token. Raises RegistryError."""
        self._proofs.drop(repository)
        reference = next(iter(image.tracks), "latest")
        unknown = RegistryError(404, "NAME_UNKNOWN", "there is no such repository, or not for you")
        await self._upstream.fetch(repository, f"manifests/{reference}", unknown, method="HEAD")
        self._proofs.put(repository, monotonic() + PROOF_SECONDS)

    async def admit(self, request: Request, name: str | None) -> None:
        """
        To a file of the index or a page of the site: of the image `name`, or where that is None of all images.

        What tells of all needs proof for one of the private ones. Raises RegistryError.
        """
        index = self._current.index
        private = [each for each, image in index.images.items() if image.private]
        if not self._passthrough or not private:
            return
        if name is None:
            located = [index.locate(each) for each in private]
            shown = [(image, self._passthrough.with_token(request, where, "")) for image, where in located]
            if not any(self.is_open(image, repository) for image, repository in shown):
                raise self._passthrough.challenge("", "insufficient_scope")
            return
        image, repository = index.locate(name)
        if image and image.private:
            repository = self._passthrough.with_token(request, repository, name)
            if not self.is_open(image, repository):
                await self.prove(image, repository)
