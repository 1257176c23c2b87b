"""Private images: what the index tells of one is for those alone whom upstream has let read it, not long ago."""

from starlette.requests import Request

from ..errors import RegistryError
from ..index.current import Current
from ..index.repository import Repository
from ..upstream.cache import Cache
from ..upstream.calls import Upstream
from .known import Target
from .passthrough import Passthrough

PROOF_SECONDS, PROOFS = 60.0, 10_000


class Guard:
    """Without `passthrough` there are no private images: such an index is refused."""

    def __init__(self, current: Current, upstream: Upstream, passthrough: Passthrough | None) -> None:
        self._current = current
        self._upstream = upstream
        self._passthrough = passthrough
        self._proven: Cache[Repository, bool] = Cache(PROOFS, lifetime=lambda _: PROOF_SECONDS)

    def is_open(self, target: Target) -> bool:
        """Whether it may be told of, with the token that its repository has."""
        return not target.image or not target.image.private or self._proven.get(target.repository) is not None

    async def prove(self, target: Target) -> None:
        """Asks upstream with the client's own token, unless it is open. Raises RegistryError."""
        if target.image and not self.is_open(target):
            reference = next(iter(target.image.tracks), "latest")
            unknown = RegistryError(404, "NAME_UNKNOWN", "there is no such repository, or not for you")
            await self._upstream.fetch(target.repository, f"manifests/{reference}", unknown, method="HEAD")
            self._proven.put(target.repository, True)

    async def admit(self, request: Request, name: str | None) -> None:
        """
        To a file of the index or a page of the site: of the image `name`, or where that is None of all images.

        What tells of all needs proof for one of the private ones. Raises RegistryError.
        """
        index, passthrough = self._current.index, self._passthrough
        asked = [each for each in index.private if name in (None, each)]
        if not passthrough or not asked:
            return
        if name is not None:
            await self.prove(passthrough.with_token(request, Target(name, *index.locate(name))))
        elif not any(self.is_open(passthrough.with_token(request, Target("", *index.locate(each)))) for each in asked):
            raise passthrough.challenge("", "insufficient_scope")
