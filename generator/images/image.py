"""One image of images.toml."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from generator.reference import Repository
from generator.trust.policy import Trust

ADDRESS = "localhost:8000"
TRACKS = ("latest", "latest-dev")
HISTORY = timedelta(days=90)

Since = datetime | Literal["now", "always"] | None


@dataclass(frozen=True, slots=True)
class Image:
    """One image of images.toml, defaults filled in. `address` is what clients pull from, for all images the same."""

    name: str
    repository: Repository
    package: str | None = None
    version_label: str | None = None
    tracks: tuple[str, ...] = TRACKS
    constraint: "re.Pattern[str] | None" = None
    since: Since = None
    frozen: bool = False
    keep: bool = False
    trust: Trust | None = None
    private: bool = False
    address: str = ADDRESS

    @property
    def names(self) -> tuple[str, ...]:
        """What the main package may be called after: the image here, then the repository upstream."""
        return tuple(dict.fromkeys((self.name.rpartition("/")[2], self.repository.path.rpartition("/")[2])))

    @property
    def package_type(self) -> str:
        """The purl type that `package` is of; "" where it is a bare name, of any type that is installed."""
        return (self.package or "").rpartition("/")[0].partition("/")[0].lower()

    def horizon(self, now: datetime) -> datetime:
        """How far back history is to be read."""
        if self.since == "always":
            return datetime(1970, 1, 1, tzinfo=UTC)
        if self.since == "now":
            return now
        if self.since is None:
            return now - HISTORY
        return self.since
