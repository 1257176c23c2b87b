"""What was attached and gave nothing for a fault of its own: what a digest names never changes, nor does its fault."""

from collections import Counter
from collections.abc import Collection
from hashlib import sha256

from generator.images import Image

_LENGTH = 16


class Refused:
    """Documents of one build, and the referrers that hold no others; `before` are the marks of its last refresh.

    Whether a document is refused depends on what it is attached to, and on what images.toml has `asked` of it, too.
    """

    def __init__(self, asked: str = "", before: Collection[str] = ()) -> None:
        self._asked = asked
        self._before = before
        self._marks: Counter[str] = Counter()
        self._contents: dict[tuple[str, str], list[tuple[str, str]]] = {}

    @classmethod
    def of(cls, image: Image, before: Collection[str] = ()) -> "Refused":
        return cls(f"{image.package_type} {image.trust or ''}", before)

    @property
    def marks(self) -> frozenset[str]:
        """For the next refresh. A referrer's is in place of those of its documents, unless they are elsewhere, too."""
        marks = self._marks.keys()
        within = {manifest: {self._mark(each) for each in contents} for manifest, contents in self._contents.items()}
        held = {self._mark(manifest): contents for manifest, contents in within.items() if contents <= marks}
        spared = {mark for contents in held.values() for mark in contents if self._marks[mark] == 1}
        return frozenset((marks | held.keys()) - spared)

    def __contains__(self, attached: tuple[str, str]) -> bool:
        """`attached`: the digests of the subject and of the blob or manifest."""
        mark = self._mark(attached)
        if mark not in self._before:
            return False
        self._marks[mark] += 1
        return True

    def add(self, attached: tuple[str, str]) -> None:
        self._marks[self._mark(attached)] += 1

    def hold(self, manifest: tuple[str, str], contents: list[tuple[str, str]]) -> None:
        """A manifest is refused once all that it holds is."""
        self._contents[manifest] = contents

    def _mark(self, attached: tuple[str, str]) -> str:
        return sha256(" ".join((*attached, self._asked)).encode()).hexdigest()[:_LENGTH]
