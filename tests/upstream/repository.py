"""What a registry keeps of one repository: contents, tags, and when the tags moved."""

import bisect
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.upstream.oci import Content


@dataclass(frozen=True, order=True)
class Record:
    """A tag was pointed at the digest at that time (UTC, to the millisecond)."""

    at: datetime
    digest: str


@dataclass
class Repository:
    """Changed by tests while the registry serves it: every change is a single assignment or insertion."""

    name: str
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, Content] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    moves: dict[str, list[Record]] = field(default_factory=dict)

    def push(self, content: Content, *tags: str) -> str:
        """Store the content and everything below it; the tags get no history. Gives its digest."""
        for child in content.children:
            self.push(child)
        if content.is_manifest:
            self.manifests[content.digest] = content
        else:
            self.blobs[content.digest] = content.data
        for tag in tags:
            self.tags[tag] = content.digest
        return content.digest

    def point(self, tag: str, digest: str, at: datetime) -> None:
        """Move the tag, and remember it in the tag's history."""
        at = at.astimezone(UTC)
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        bisect.insort(self.moves.setdefault(tag, []), Record(at, digest))
        self.tags[tag] = digest

    def forget(self, digest: str) -> None:
        """Lose a manifest; tags and history still name it. KeyError when there is none."""
        del self.manifests[digest]

    def manifest(self, reference: str) -> Content | None:
        return self.manifests.get(reference if ":" in reference else self.tags.get(reference, ""))

    def history(self, tag: str) -> list[Record]:
        return list(self.moves.get(tag, ()))
