"""The pages as HTML and XML. Every text from outside is escaped, printable and bounded where it is shown."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import NAMESPACE_URL, uuid5

import jinja2

from generator.images import Image
from generator.record.difference import installed
from generator.record.index import Summary
from generator.site.addresses import image_folder, root, short
from generator.site.feed import News
from generator.site.image import ImageSite, Row

LONGEST = 1000

_folder = Path(__file__).parent
STATIC = {path.name: path.read_bytes() for path in sorted((_folder / "static").iterdir())}


def printable(value: Any) -> Any:
    """Text with nothing in it that is not seen: controls, marks of direction, odd spaces; and not endless."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    text = value if len(value) <= LONGEST else f"{value[:LONGEST]}…"
    return text if text.isprintable() else "".join(c if c.isprintable() else f"⟨U+{ord(c):04X}⟩" for c in text)


@cache
def asset(name: str) -> str:
    """Its path, which changes with its content."""
    return f"-/{name}?{hashlib.sha256(STATIC[name]).hexdigest()[:12]}"


_environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_folder / "templates"),
    autoescape=True,
    finalize=printable,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters |= {"folder": image_folder, "short": short, "asset": asset, "quote": quote}


class Renderer:
    """What all pages of a site have in common: what clients pull from, and where the site is, if that is known."""

    def __init__(self, address: str, site: str | None, upstream: str) -> None:
        self._address = address
        self._site = site
        self._shared = {"address": address, "site": site, "upstream": upstream}

    def catalogue(
        self, images: Sequence[tuple[str, Summary, str]], waiting: Sequence[str], news: Sequence[News]
    ) -> str:
        """`images` have their names, their entries in the catalogue, and the tag to pull them by."""
        return self._page("catalogue.html", "", images=images, waiting=waiting, news=news)

    def missing(self) -> str:
        """The page for whatever is not there; it is shown at any depth, so its links begin at the host's root."""
        path = urlsplit(self._site).path if self._site else "/"
        return self._render("missing.html", root=path, path="404.html")

    def search(self) -> str:
        return self._page("search.html", "-/search/")

    def waiting(self, image: Image) -> str:
        return self._page("waiting.html", image_folder(image.name), image=image)

    def image(self, site: ImageSite) -> str:
        return self._page("image.html", site.folder, image=site, references=self._references(site, site.best))

    def year(self, site: ImageSite, year: int, rows: Sequence[Row]) -> str:
        return self._page("year.html", f"{site.folder}-/{year}/", image=site, year=year, rows=rows)

    def build(self, site: ImageSite, row: Row) -> str:
        packages = installed(site.contents.get(row.build.key, ()))
        usual = Counter(each.origin for each in packages).most_common(1)
        return self._page(
            "build.html",
            f"{site.folder}-/{row.name}/",
            image=site,
            row=row,
            references=self._references(site, row),
            packages=packages,
            main_origin=usual[0][0] if usual else "",
        )

    def compare(self, site: ImageSite) -> str:
        return self._page("compare.html", f"{site.folder}-/compare/", image=site)

    def feed(self, path: str, page: str, name: str | None, news: Sequence[News]) -> str:
        id_ = uuid5(NAMESPACE_URL, f"{self._site or self._address} {name or ''}").urn
        way = self._site or root(path)
        return self._render("feed.atom", path=path, root=way, page=page, name=name, news=news, feed_id=id_)

    def sitemap(self, pages: Iterable[tuple[str, str | None]]) -> str:
        return self._render("sitemap.xml", pages=pages)

    def sitemaps(self, paths: Iterable[str]) -> str:
        return self._render("sitemaps.xml", paths=paths)

    def _references(self, site: ImageSite, row: Row) -> list[tuple[str, str]]:
        """What a build may be pulled by, each with a label."""
        name, digest = f"{self._address}/{site.index.name}", row.build.digest
        by_tag = [("By tag", f"{name}:{row.tag}"), ("By tag and digest", f"{name}:{row.tag}@{digest}")]
        by_digest = [("By digest", f"{name}@{digest}"), ("From upstream itself", f"{site.index.repository}@{digest}")]
        return [*by_tag, *by_digest] if row.tag else by_digest

    def _page(self, template: str, path: str, **context: object) -> str:
        return self._render(template, root=root(path), path=path, **context)

    def _render(self, template: str, **context: object) -> str:
        return _environment.get_template(template).render(**self._shared, **context)
