"""What an upstream may cost."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what an upstream may cost: sizes in bytes, times in seconds.

    `image` is what all requests for one image may take together, whichever thread makes them; `pace` is bytes a second.
    """

    manifest: int = 4 * 1024 * 1024
    blob: int = 64 * 1024 * 1024
    connect: float = 10.0
    read: float = 30.0
    attempts: int = 5
    backoff: float = 0.5
    patience: float = 60.0
    image: float = 1800.0
    pace: float = 256 * 1024

    def time_for(self, size: int) -> float:
        """How long one answer of at most `size` bytes may take from its first byte to its last."""
        return 2 * self.read + size / self.pace
