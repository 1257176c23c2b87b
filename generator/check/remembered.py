"""What a refresh has remembered so as not to ask again: it follows from nothing in the index, so a reviewer sees it."""

from collections.abc import Iterator
from pathlib import Path

from generator.check.finding import Finding
from generator.check.revision import Revision
from generator.errors import BrokenIndexError, MalformedError
from generator.record.stamps import FILE as STAMPS
from generator.record.stamps import Stamps
from generator.record.store import Store


def check_remembered(folder: Path, was: Revision) -> Iterator[Finding]:
    """Notes on what is remembered now, and was not."""
    if was.is_unchanged(STAMPS):
        return
    try:
        old, new = was.document(STAMPS, Stamps), Store(folder).document(STAMPS, Stamps)
    except (BrokenIndexError, MalformedError):
        return  # A refresh makes it anew, and asks for all.
    if new is None:
        return
    before = old or Stamps(images={})
    for name in sorted({*new.absent} - {*before.absent}):
        yield Finding(STAMPS, f"absent has {name} now: that upstream lacks it fails no refresh", is_note=True)
    for name, marks in sorted(new.refused.items()):
        if more := len({*marks} - {*before.refused.get(name, ())}):
            what = f"{more} document{'' if more == 1 else 's'} that {'is' if more == 1 else 'are'} not read again"
            yield Finding(STAMPS, f"refused.{name} has {what}", is_note=True)
