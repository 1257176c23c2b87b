"""What a refresh did for one image, as it is told to people."""

from dataclasses import dataclass, field

from generator.errors import AbsentError, TransientError
from generator.images import Image
from generator.record.index import Build


@dataclass
class Outcome:
    """Every text is one line; `gone` is how many builds of the history the upstream no longer has.

    `waiting` is how many builds were left to the next refresh as the time was up, or 1 where not even they are known.
    `corrected` are builds whose version is another now, as they were and as they are. `faults` are those of the errors
    that are the upstream's own, and may be over at the next refresh; `is_absent`: it has none of the image's tracks.
    """

    image: Image
    new: list[Build] = field(default_factory=list)
    corrected: list[tuple[Build, Build]] = field(default_factory=list)
    gone: int = 0
    waiting: int = 0
    notes: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    faults: set[str] = field(default_factory=set)
    is_absent: bool = False

    def fail(self, error: Exception, text: str) -> None:
        self.errors.append(text)
        if isinstance(error, TransientError):
            self.faults.add(text)
        self.is_absent = self.is_absent or isinstance(error, AbsentError)

    @property
    def to_be_mended(self) -> list[str]:
        """The errors that another try will not mend."""
        return [error for error in self.errors if error not in self.faults]
