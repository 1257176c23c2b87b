"""Writes the site of an index: every image by itself, on all cores, and then what all of them share."""

import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from generator import images
from generator.images import Images
from generator.record.index import Catalogue, Summary, encode, schema
from generator.record.merge import summarize
from generator.record.packages import compact, expand
from generator.record.store import Store
from generator.site.addresses import image_folder
from generator.site.feed import News, latest, news_of
from generator.site.folder import Folder
from generator.site.image import ImageSite
from generator.site.render import STATIC, Renderer
from generator.site.search import SearchData, SearchTerms, search_terms

IN_A_SITEMAP = 50_000
"""sitemaps.org: no more addresses in one file."""

_SOME = 8


@dataclass(frozen=True, slots=True)
class WrittenImage:
    """What the shared pages need of an image whose own are written; `pages` are those to be found, and since when."""

    name: str
    summary: Summary
    files: frozenset[str]
    pages: tuple[tuple[str, str | None], ...]
    news: tuple[News, ...]
    terms: SearchTerms | None


@dataclass(frozen=True, slots=True)
class Outcome:
    images: int
    builds: int
    files: int
    removed: int


def write_site(index: Path, target: Path) -> Outcome:
    """Raises `ConfigurationError`, `BrokenIndexError`, `StorageError`."""
    wanted = images.load(index / "images.toml")
    folder = Folder(target, index)
    renderer = Renderer(wanted.address, wanted.site, str(wanted.upstream))
    shared = SharedPages(wanted, renderer, folder)
    for name in STATIC:
        shared.write(f"-/{name}", STATIC[name])
    store = Store(index)
    for written in _write_images(ImageWriter(wanted, store, renderer, folder), sorted(wanted.images)):
        shared.add(written)
    shared.finish()
    return Outcome(len(wanted.images), shared.builds, len(shared.files), folder.finish(shared.files))


def _write_images(writer: "ImageWriter", names: list[str]) -> Iterator[WrittenImage]:
    """A few are written here, more by a process for every core."""
    if len(names) <= _SOME:
        yield from map(writer.write, names)
        return
    with ProcessPoolExecutor(initializer=_begin, initargs=(writer,)) as pool:
        yield from pool.map(_write, names)


_writer: "ImageWriter"


def _begin(writer: "ImageWriter") -> None:
    global _writer
    _writer = writer
    # It is the first process that an interruption is for; it lets these finish the image that each is at.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _write(name: str) -> WrittenImage:
    return _writer.write(name)


@dataclass(frozen=True)
class ImageWriter:
    """Writes what is of one image alone."""

    wanted: Images
    store: Store
    renderer: Renderer
    folder: Folder

    def write(self, name: str) -> WrittenImage:
        image, home = self.wanted.images[name], image_folder(name)
        record = self.store.image(name)
        if record is None or not record.builds:
            self.folder.write(f"{home}index.html", self.renderer.waiting(image))
            summary = summarize(None, image)
            return WrittenImage(name, summary, frozenset({f"{home}index.html"}), ((home, None),), (), None)
        site = ImageSite(image, record, expand(self.store.packages(name)))
        news = latest(news_of(site))
        files: set[str] = set()
        for path, content in self._files(site, news):
            self.folder.write(path, content)
            files.add(path)
        pages = [(home, f"{site.updated:%Y-%m-%d}")]
        pages += [(f"{home}-/{row.name}/", f"{row.build.seen:%Y-%m-%d}") for row in site.rows]
        summary = summarize(record, image)
        return WrittenImage(name, summary, frozenset(files), tuple(pages), tuple(news), search_terms(site))

    def _files(self, site: ImageSite, news: list[News]) -> Iterator[tuple[str, str | bytes]]:
        home, render = site.folder, self.renderer
        yield f"{home}index.html", render.image(site)
        for year, rows in site.years.items():
            yield f"{home}-/{year}/index.html", render.year(site, year, rows)
        for row in site.rows:
            yield f"{home}-/{row.name}/index.html", render.build(site, row)
        yield f"{home}-/compare/index.html", render.compare(site)
        yield f"{home}-/feed.atom", render.feed(f"{home}-/feed.atom", home, site.index.name, news)
        yield f"{home}index.json", encode(site.index)
        yield f"{home}packages.json", encode(compact(site.index.name, site.index.builds, site.contents))


class SharedPages:
    """What is gathered of all images, and the files written of it."""

    def __init__(self, wanted: Images, renderer: Renderer, folder: Folder) -> None:
        self._wanted = wanted
        self._renderer = renderer
        self._folder = folder
        self._search = SearchData()
        self._written: list[tuple[str, Summary]] = []
        self._news: list[News] = []
        self._pages: list[tuple[str, str | None]] = [("", None)]
        self.files: set[str] = set()

    @property
    def builds(self) -> int:
        return sum(summary.builds for _, summary in self._written)

    def write(self, path: str, content: str | bytes) -> None:
        self._folder.write(path, content)
        self.files.add(path)

    def add(self, written: WrittenImage) -> None:
        self._written.append((written.name, written.summary))
        self._news = latest((*self._news, *written.news))
        self._pages += written.pages
        self._search.add(written.terms)
        self.files |= written.files

    def finish(self) -> None:
        render = self._renderer
        wanted = self._wanted.images
        known = [(name, of, of.tag or wanted[name].tracks[0]) for name, of in self._written if of.refreshed]
        waiting = [name for name, summary in self._written if not summary.refreshed]
        catalogue = Catalogue(upstream=str(self._wanted.upstream), images=dict(self._written))
        self.write("index.json", encode(catalogue))
        self.write("schema.json", schema())
        self.write("index.html", render.catalogue(known, waiting, self._news))
        self.write("404.html", render.missing())
        self.write("-/search/index.html", render.search())
        self.write("-/feed.atom", render.feed("-/feed.atom", "", None, self._news))
        images = [
            (image_folder(name), name, of.repository, of.package or "", of.version or "", of.builds)
            for name, of in self._written
        ]
        for path, content in self._search.files(images):
            self.write(path, content)
        self._write_sitemap()

    def _write_sitemap(self) -> None:
        """Its addresses have to be whole, so there is none without `site` (sitemaps.org)."""
        site = self._wanted.site
        if site is None:
            self.write("robots.txt", "User-agent: *\nAllow: /\n")
            return
        self.write("robots.txt", f"User-agent: *\nAllow: /\n\nSitemap: {site}sitemap.xml\n")
        parts = [self._pages[start : start + IN_A_SITEMAP] for start in range(0, len(self._pages), IN_A_SITEMAP)]
        if len(parts) == 1:
            self.write("sitemap.xml", self._renderer.sitemap(parts[0]))
            return
        paths = [f"-/sitemap-{number}.xml" for number in range(1, len(parts) + 1)]
        for path, part in zip(paths, parts, strict=True):
            self.write(path, self._renderer.sitemap(part))
        self.write("sitemap.xml", self._renderer.sitemaps(paths))
