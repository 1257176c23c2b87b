"""News: the versions as they became known, for the catalogue and for Atom feeds (RFC 4287)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from heapq import nlargest
from uuid import NAMESPACE_URL, uuid5

from generator.site.image import ImageSite

ENTRIES = 50


@dataclass(frozen=True, slots=True)
class News:
    """A version's first build; `page` is where that stands, from the root."""

    name: str
    repository: str
    version: str
    track: str
    digest: str
    tag: str | None
    when: datetime
    page: str

    @property
    def id(self) -> str:
        """Stays the same whatever else becomes known, and wherever the site is."""
        return uuid5(NAMESPACE_URL, f"{self.name} {self.repository} {self.version}").urn


def latest(news: Iterable[News]) -> list[News]:
    """The newest versions first."""
    return nlargest(ENTRIES, news, key=lambda each: (each.when, each.name, each.version))


def news_of(site: ImageSite) -> Iterator[News]:
    versions: set[str] = set()
    for row in reversed(site.rows):
        build = row.build
        if build.version and build.version not in versions:
            versions.add(build.version)
            page = f"{site.folder}-/{row.name}/"
            yield News(
                site.index.name,
                site.index.repository,
                build.version,
                build.track,
                build.digest,
                row.tag,
                build.seen,
                page,
            )
