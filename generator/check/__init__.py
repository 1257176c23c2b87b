"""Whether an index is sound: all that is derived in it is derived again, all that is not is compared with what was."""

from generator.check.finding import Finding
from generator.check.index import check
from generator.check.revision import Revision

__all__ = ["Finding", "Revision", "check"]
