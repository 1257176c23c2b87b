"""The index as web pages and feeds."""

import hashlib
import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import jinja2
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .answers import IMMUTABLE, MOVING
from .current import Current
from .documents import Documents
from .history import History, pull_tag
from .index import Index
from .names import is_name
from .news import NEVER, News, latest
from .packages import Hit, Packages
from .representation import represent
from .timeline import Timeline

IMAGES, BUILDS, ROWS, HITS, SUGGESTIONS = 100, 20, 10, 20, 5
LONGEST, LONGEST_QUERY, LONGEST_GUESS = 1000, 100, 80

_is_host = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::[0-9]+)?\Z").match
_is_reserved = re.compile(r"(?:v2|index)/|(?:v2|healthz|readyz|metrics|token)\Z|(?:.*/)?feed\.atom\Z").match
_folder = Path(__file__).parent
_files = {path.name: path.read_bytes() for path in (_folder / "static").iterdir()}
_types = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def printable(value: Any) -> Any:
    """Text with nothing in it that is not seen: controls, marks of direction, odd spaces; and not endless."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    text = value if len(value) <= LONGEST else f"{value[:LONGEST]}…"
    return text if text.isprintable() else "".join(c if c.isprintable() else f"⟨U+{ord(c):04X}⟩" for c in text)


def page_of(name: str) -> str:
    """The path of an image's page: under `/-/`, which begins no image's name, where a plain one means another thing."""
    return f"/-/{name}" if _is_reserved(name) else f"/{name}"


def feed_of(name: str) -> str:
    return f"/_/feed/{name}" if _is_reserved(name) else f"/{name}/feed.atom"


def static(name: str) -> str:
    """The path of a file that changes with its content."""
    stem, _, suffix = name.rpartition(".")
    return f"/_/{stem}.{hashlib.sha256(_files[name]).hexdigest()[:12]}.{suffix}"


_environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_folder / "templates"),
    autoescape=True,
    finalize=printable,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_paths = {name: static(name) for name in _files}
_environment.filters |= {"page": page_of, "feed": feed_of, "static": _paths.__getitem__}


class Pages:
    """
    The commands to paste name `public_url`, or else the host that the browser asked.

    Pages are rendered in threads: a long one holds up no pull.
    """

    def __init__(self, current: Current, public_url: str | None) -> None:
        self._current = current
        self._public_url = (public_url or "").rstrip("/")
        self._packages = Packages(current.folder)
        self._latest: WeakKeyDictionary[Index, list[News]] = WeakKeyDictionary()

    def routes(self) -> list[Route]:
        return [
            Route("/", self.catalogue),
            Route("/_/{file}", self.static),
            *Documents(self._current).routes(),
            Route("/feed.atom", self.feed),
            Route("/_/feed/{name:path}", self.image_feed),
            Route("/-/{name:path}", self.image),
            Route("/{name:path}/feed.atom", self.image_feed),
            Route("/{name:path}", self.image),
        ]

    async def static(self, request: Request) -> Response:
        """A file of another release is answered with this one's: a rolling update has both at once."""
        stem, _, suffix = request.path_params["file"].rpartition(".")
        name = f"{stem.partition('.')[0]}.{suffix}"
        if name not in _files:
            raise HTTPException(404)
        cache_control = IMMUTABLE if request.url.path == _paths[name] else MOVING
        return represent(request, _files[name], _types[f".{suffix}"], cache_control)

    async def catalogue(self, request: Request) -> Response:
        index, query = self._current.index, _query(request)
        hits = await self._packages.find(index, query) if query else []
        return await run_in_threadpool(self._catalogue, request, index, query, hits)

    def _catalogue(self, request: Request, index: Index, query: str, hits: list[Hit]) -> Response:
        words = query.lower().split()
        names = [
            name
            for name, summary in sorted(index.summaries.items())
            if all(word in f"{name} {summary.package or ''}".lower() for word in words)
        ]
        known = [name for name in names if index.summaries[name].refreshed]
        number, pages = _page(request, len(known), IMAGES)
        shown = known[number * IMAGES :][:IMAGES]
        return self._render(
            request,
            "catalogue.html",
            index=index,
            query=query,
            found=len(names),
            known=len(known),
            images=[(name, index.summaries[name], self._tag(index, name)) for name in shown],
            waiting=[name for name in names if not index.summaries[name].refreshed],
            number=number,
            pages=pages,
            hits=hits[:HITS],
            total_hits=len(hits),
            news=[] if query else self._news(index)[:6],
        )

    def image(self, request: Request) -> Response:
        name, index = request.path_params["name"].rstrip("/"), self._current.index
        if name not in index.images:
            return self._missing(request, index, name)
        image, summary = index.images[name], index.summaries[name]
        history = History(image, self._current.folder / name)
        newest, asked = index.newest(name), request.query_params.get("tag", "")
        tag = asked if asked in image.tags else self._tag(index, name)
        number, pages = _page(request, len(history.builds), BUILDS)
        wanted = request.query_params.get("build")
        number = next((at // BUILDS for at, each in enumerate(history.builds) if each.digest == wanted), number)
        entries = list(history.entries(number * BUILDS, (number + 1) * BUILDS))
        return self._render(
            request,
            "image.html",
            name=name,
            image=image,
            summary=summary,
            newest=newest,
            tag=tag,
            pulled=image.by_digest[image.tags[tag]] if tag in image.tags else newest,
            current=history.current(),
            timeline=Timeline.of(image.builds),
            rows_shown=ROWS,
            entries=entries,
            here={(entry.build.track, entry.build.digest) for entry in entries},
            number=number,
            pages=pages,
            size=BUILDS,
            years=_years(history),
        )

    def _missing(self, request: Request, index: Index, name: str) -> Response:
        like = get_close_matches(name, index.images, SUGGESTIONS, 0.5) if len(name) <= LONGEST_GUESS else []
        ends = [each for each in index.images if name and each.endswith(f"/{name.rpartition('/')[2]}")]
        return self._render(
            request,
            "missing.html",
            404,
            name=name if is_name(name) else None,
            upstream=index.upstream,
            like=list(dict.fromkeys((*like, *ends)))[:SUGGESTIONS],
        )

    def feed(self, request: Request) -> Response:
        return self._feed(request, "/", "/feed.atom", None, self._news(self._current.index))

    def image_feed(self, request: Request) -> Response:
        name, index = request.path_params["name"], self._current.index
        if name not in index.images:
            return self._missing(request, index, name)
        return self._feed(request, page_of(name), feed_of(name), name, latest([(name, index.images[name])]))

    def _feed(self, request: Request, page: str, path: str, name: str | None, news: list[News]) -> Response:
        context: dict[str, Any] = {"page": page, "path": path, "name": name, "news": news}
        context |= {"tag_of": pull_tag, "never": NEVER}
        return self._render(request, "feed.atom", 200, "application/atom+xml", **context)

    def _news(self, index: Index) -> list[News]:
        if index not in self._latest:
            self._latest[index] = latest(index.images.items())
        return self._latest[index]

    def _tag(self, index: Index, name: str) -> str | None:
        """The tag of the newest version, or upstream's own."""
        image, newest = index.images[name], index.newest(name)
        return (newest and pull_tag(image, newest)) or next(iter(image.tracks), "latest")

    def _render(
        self, request: Request, template: str, status: int = 200, media_type: str = "text/html", **context: object
    ) -> Response:
        asked = request.headers.get("host", "")
        base = self._public_url or f"{request.url.scheme}://{asked if _is_host(asked) else 'localhost'}"
        context |= {"base": base, "host": base.partition("://")[2]}
        body = _environment.get_template(template).render(query=context.pop("query", ""), **context)
        return represent(request, body.encode(), media_type, MOVING, status)


def _years(history: History) -> dict[int, int]:
    """The page, counted from 0, on which each year begins."""
    years: dict[int, int] = {}
    for place, build in enumerate(history.builds):
        if build.when:
            years.setdefault(build.when.year, place // BUILDS)
    return years


def _query(request: Request) -> str:
    return " ".join(request.query_params.get("q", "")[:LONGEST_QUERY].split())


def _page(request: Request, entries: int, size: int) -> tuple[int, int]:
    """The page that is asked for, counted from 0, and how many there are."""
    asked, pages = request.query_params.get("page", ""), -(-entries // size)
    number = int(asked) - 1 if asked.isascii() and asked.isdigit() and len(asked) < 7 else 0
    return max(0, min(number, pages - 1)), pages
