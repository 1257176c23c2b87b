"""The JSON files of the index, as they stand in its folder."""

from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from .answers import MOVING
from .current import Current
from .index import identity
from .index import read as read_file
from .representation import represent

PARSED = 8

T = TypeVar("T", bound=msgspec.Struct)


class Documents:
    """`/index/…`: what the generator wrote for other programs, and nothing else of the folder."""

    def __init__(self, current: Current) -> None:
        self._current = current

    def routes(self) -> list[Route]:
        return [Route("/index/", self.start), Route("/index/{path:path}", self.document)]

    async def start(self, request: Request) -> Response:
        return RedirectResponse("/index/index.json", headers={"Cache-Control": MOVING})

    def document(self, request: Request) -> Response:
        path = request.path_params["path"]
        image, _, file = path.rpartition("/")
        known = file in ("index.json", "packages.json") and image in self._current.index.images
        if not known and path not in ("index.json", "schema.json"):
            raise HTTPException(404, "no such file of the index")
        try:
            body = read_file(self._current.folder / path)
        except OSError:
            raise HTTPException(404, "the index has no such file yet") from None
        headers = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "ETag"}
        return represent(request, body, "application/json", MOVING, headers=headers)


def read(path: Path, kind: type[T]) -> T:
    """A file as it is now, those read last without parsing it again; an empty `kind` where it cannot be read."""
    try:
        document: T = _parse(path, kind, identity(path))
    except (OSError, ValueError, RecursionError):
        return kind()
    return document


@lru_cache(PARSED)
def _parse(path: Path, kind: type[T], version: object) -> T:
    return msgspec.json.decode(read_file(path), type=kind)
