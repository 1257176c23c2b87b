"""What was remembered so as not to ask again, or not twice: it follows from nothing, so a reviewer sees it."""

import contextlib
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path

from generator.check.document import document
from generator.check.finding import Finding
from generator.check.revision import Revision
from generator.errors import BrokenIndexError, MalformedError
from generator.record.stamps import FILE as STAMPS
from generator.record.stamps import Stamps
from generator.record.store import Store
from generator.refresh.presence import FILE as CHECKED
from generator.refresh.presence import Checked


def check_missed(folder: Path, recorded: Collection[str]) -> Iterator[Finding]:
    """checked.json by itself; `recorded` are the builds of the index, as it writes them."""
    checked = yield from document(folder, CHECKED, Checked)
    for build, since in checked.missed.items() if checked else ():
        if build not in recorded:
            yield Finding(CHECKED, f"missed has {build}, which is not recorded, should not be there")
        elif since.utcoffset() or since > datetime.now(UTC):
            yield Finding(CHECKED, f"missed.{build} is {since.isoformat()}, should be in UTC, and in the past")


def check_remembered(folder: Path, was: Revision) -> Iterator[Finding]:
    """Notes on what is remembered now, and was not."""
    for compare in _missed, _refused:
        # What cannot be read, the check itself names; a refresh makes it anew, and asks for all.
        with contextlib.suppress(BrokenIndexError, MalformedError):
            yield from compare(folder, was)


def _missed(folder: Path, was: Revision) -> Iterator[Finding]:
    if was.is_unchanged(CHECKED):
        return
    old, new = was.document(CHECKED, Checked), Store(folder).document(CHECKED, Checked)
    before = old.missed if old else {}
    for build, since in sorted(new.missed.items()) if new else ():
        if before.get(build) != since:
            what = f"missed has {build} since {since:%Y-%m-%d}: it is gone, if upstream misses it once more"
            yield Finding(CHECKED, what, is_note=True)


def _refused(folder: Path, was: Revision) -> Iterator[Finding]:
    if was.is_unchanged(STAMPS):
        return
    old, new = was.document(STAMPS, Stamps), Store(folder).document(STAMPS, Stamps)
    if new is None:
        return
    before = old or Stamps(images={})
    for name in sorted({*new.absent} - {*before.absent}):
        yield Finding(STAMPS, f"absent has {name} now: that upstream lacks it fails no refresh", is_note=True)
    for name, marks in sorted(new.refused.items()):
        if more := len({*marks} - {*before.refused.get(name, ())}):
            what = f"{more} document{'' if more == 1 else 's'} that {'is' if more == 1 else 'are'} not read again"
            yield Finding(STAMPS, f"refused.{name} has {what}", is_note=True)
