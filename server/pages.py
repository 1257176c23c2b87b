"""The index as web pages."""

import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from .current import Current

HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}

_TEMPLATES = Jinja2Templates(Path(__file__).with_name("templates"))
_is_host = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::[0-9]+)?\Z").match


class Pages:
    """
    The commands to paste name `public_url`, or else the host that the browser asked.

    Pages are rendered in threads: a long one holds up no pull.
    """

    def __init__(self, current: Current, public_url: str | None) -> None:
        self._current = current
        self._public_host = (public_url or "").partition("://")[2].rstrip("/")

    def routes(self) -> list[Route]:
        return [Route("/healthz", self.health), Route("/", self.catalogue), Route("/{name:path}", self.image)]

    async def health(self, request: Request) -> Response:
        return PlainTextResponse("ok")

    def catalogue(self, request: Request) -> Response:
        return self._page(request, "catalogue.html", 200, index=self._current.index)

    def image(self, request: Request) -> Response:
        name, index = request.path_params["name"].rstrip("/"), self._current.index
        if name not in index.images:
            return self._page(request, "missing.html", 404)
        image, summary = index.images[name], index.summaries[name]
        return self._page(request, "image.html", 200, name=name, image=image, summary=summary)

    def _page(self, request: Request, template: str, status: int, **context: object) -> Response:
        asked = request.headers.get("host", "")
        context["host"] = self._public_host or (asked if _is_host(asked) else "localhost")
        return _TEMPLATES.TemplateResponse(request, template, context, status, HEADERS)
