"""What a refresh did for one image, as it is told to people."""

from dataclasses import dataclass, field

from generator.images import Image
from generator.record.index import Build


@dataclass
class Outcome:
    """Every text is one line; `gone` is how many builds of the history the upstream no longer has.

    `waiting` is how many builds were left to the next refresh as the time was up, or 1 where not even they are known.
    `corrected` are builds whose version is another now, as they were and as they are.
    """

    image: Image
    new: list[Build] = field(default_factory=list)
    corrected: list[tuple[Build, Build]] = field(default_factory=list)
    gone: int = 0
    waiting: int = 0
    notes: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
