"""News: the versions as they became known, for the catalogue and for Atom feeds (RFC 4287)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import nlargest
from uuid import NAMESPACE_URL, uuid5

from .index import Build, Image

ENTRIES = 50
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class News:
    """A version's first build."""

    name: str
    image: Image
    build: Build
    when: datetime

    @property
    def id(self) -> str:
        """Stays the same whatever else becomes known, and on every server of this index."""
        return uuid5(NAMESPACE_URL, f"{self.name} {self.image.repository} {self.build.version}").urn


def latest(images: Iterable[tuple[str, Image]], count: int = ENTRIES) -> list[News]:
    """The newest versions first."""
    return nlargest(count, _news(images), key=lambda news: (news.when, news.name))


def _news(images: Iterable[tuple[str, Image]]) -> Iterator[News]:
    for name, image in images:
        told: set[str] = set()
        for build in image.builds:
            if build.version and build.when and build.version not in told:
                told.add(build.version)
                yield News(name, image, build, build.when)
