"""Documents that gave nothing for a fault of their own: what a digest names never changes, nor does its fault."""

from collections.abc import Collection
from hashlib import sha256

from generator.images import Image

_LENGTH = 16


class Refused:
    """Those of one build; `before` are the marks of its image's last refresh.

    Whether a document is refused depends on what it is attached to, and on what images.toml asks of it, too.
    """

    def __init__(self, image: Image, before: Collection[str] = ()) -> None:
        self._asked = f"{image.package_type} {image.trust or ''}"
        self._before = before
        self.marks: set[str] = set()

    def __contains__(self, attached: tuple[str, str]) -> bool:
        """`attached`: the digests of the subject and of the blob."""
        mark = self._mark(attached)
        if mark not in self._before:
            return False
        self.marks.add(mark)
        return True

    def add(self, attached: tuple[str, str]) -> None:
        self.marks.add(self._mark(attached))

    def _mark(self, attached: tuple[str, str]) -> str:
        return sha256(" ".join((*attached, self._asked)).encode()).hexdigest()[:_LENGTH]
