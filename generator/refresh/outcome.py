"""What a refresh did for one image, as it is told to people."""

from dataclasses import dataclass, field

from generator.images import Image
from generator.record.index import Build


@dataclass
class Outcome:
    """Every text is one line; `gone` is how many builds of the history the upstream no longer has."""

    image: Image
    new: list[Build] = field(default_factory=list)
    gone: int = 0
    notes: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
