"""A refresh: look at the tracks, learn each new build, record it."""

from generator.refresh.outcome import Outcome
from generator.refresh.schedule import Refresh

__all__ = ["Outcome", "Refresh"]
