"""What browsers see: the index's files at `/index/…`, and the site that the generator made of it."""

import os
from collections.abc import Awaitable, Callable
from html import escape
from pathlib import Path
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from .caching import MOVING, ONCE, entity_tag, is_unchanged
from .index.current import Current
from .settings import Settings

SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_OPEN = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "ETag"}
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>reverse-registry</title>
<h1>reverse-registry</h1>
<p>A container registry that gives the images of <code>{upstream}</code> their versions back: {images} images.</p>
<ul>
<li><a href="/index/index.json">the index</a>
<li><a href="/v2/_catalog">the catalogue</a>
</ul>
"""


class Files(StaticFiles):
    """A folder of static files: none that is hidden, none by a symbolic link but that of the folder itself."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        real = os.path.realpath(str(self.directory))
        try:
            found, status = super().lookup_path(path)
        except OSError:
            return "", None
        is_hidden = any(part.startswith(".") for part in Path(path).parts)
        is_direct = found == os.path.normpath(os.path.join(real, path))  # noqa: PTH118
        return (found, status) if is_direct and not is_hidden and os.access(found, os.R_OK) else ("", None)

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if isinstance(response, RedirectResponse):
            # Under our own name, whatever the request calls us.
            response = RedirectResponse(quote(f"/{path}/"))
        response.headers.update({**SECURITY, "Cache-Control": ONCE if response.status_code == 404 else MOVING})
        return response


class Site:
    """`admit` raises RegistryError where a request may not see what is about an image, or about all (None)."""

    def __init__(
        self, current: Current, settings: Settings, admit: Callable[[Request, str | None], Awaitable[None]]
    ) -> None:
        self._current = current
        self._admit = admit
        self._elsewhere = (settings.site or "").rstrip("/") if settings.is_site_elsewhere else None
        self._files = Files(directory=settings.site, html=True) if settings.site and not self._elsewhere else None

    async def document(self, request: Request) -> Response:
        """The bytes of the index in use, whatever has become of the file."""
        path = request.path_params["path"]
        document = self._current.index.documents.get(path)
        if not path:
            return RedirectResponse("/index/index.json", headers={"Cache-Control": MOVING})
        if not document:
            return await self.page(request)
        await self._admit(request, self._image(path))
        tag = entity_tag(document.checksum.hex()[:32])
        headers = {**SECURITY, **_OPEN, "Cache-Control": MOVING, "ETag": tag}
        if is_unchanged(request, tag):
            return Response(None, 304, headers)
        return Response(document.body, 200, headers, "application/json")

    async def page(self, request: Request) -> Response:
        path = request.path_params["path"]
        if self._files:
            await self._admit(request, self._image(path))
            return await self._files.get_response(self._files.get_path(request.scope), request.scope)
        if self._elsewhere:
            return RedirectResponse(f"{self._elsewhere}/{quote(path)}", headers={"Cache-Control": MOVING})
        if path:
            raise HTTPException(404)
        index = self._current.index
        page = _PAGE.format(upstream=escape(index.upstream), images=len(index.images))
        return HTMLResponse(page, headers={**SECURITY, "Cache-Control": MOVING})

    def _image(self, path: str) -> str | None:
        """The image that a file is about, if it is about one."""
        parts = path.split("/")
        names = ("/".join(parts[:end]) for end in range(len(parts), 0, -1))
        return next((name for name in names if name in self._current.index.images), None)
