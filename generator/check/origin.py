"""Where an image comes from: what neither follows from its builds nor changes of itself."""

from collections.abc import Iterator

import msgspec

from generator.check.finding import Finding
from generator.images import Image
from generator.record.index import ImageIndex


def check_origin(
    file: str, old: ImageIndex, new: ImageIndex, before: Image | None, wanted: Image | None
) -> Iterator[Finding]:
    """What has changed of repository, auth and tracks: a note where images.toml was changed so, too.

    A realm may be another where the registry is. Upstream may have moved it, too: `check --upstream` asks.
    """
    is_moved = _is_changed(before, wanted, "repository")
    is_elsewhere = old.repository.partition("/")[0] != new.repository.partition("/")[0]
    for field, is_accounted_for in (("repository", is_moved), ("auth", is_moved and is_elsewhere)):
        was, is_ = getattr(old, field), getattr(new, field)
        if was != is_:
            yield _changed(file, f"{field} was {_shown(was)}, and is {_shown(is_)}", is_accounted_for, "repository")
    for track in sorted(old.tracks.keys() | new.tracks.keys()):
        yield from _track(file, track, old, new, before, wanted)


def _track(
    file: str, track: str, old: ImageIndex, new: ImageIndex, before: Image | None, wanted: Image | None
) -> Iterator[Finding]:
    """A track moves to a build that is new. That it has no `since` for a while is the work of a refresh too."""
    was, is_, field = old.tracks.get(track), new.tracks.get(track), f"tracks.{track}"
    if is_ is None:
        yield _changed(file, f"{field} was {_shown(was)}, and is lost", False, "tracks")
        return
    is_known = (track, is_.digest) in {build.key for build in old.builds}
    if was is None:
        is_watched = wanted is None or track in wanted.tracks
        if not is_watched or is_known:
            yield _changed(file, f"{field} was not there, and is {_shown(is_)}", False, "tracks")
        return
    if was.digest != is_.digest and is_known:
        moved = f"{field}.digest was {was.digest}, and is {is_.digest}, which it had left before"
        yield _changed(file, moved, False, "")
    if was.since and is_.since and was.since != is_.since:
        moved = f"{field}.since was {_shown(was.since)}, and is {_shown(is_.since)}"
        yield _changed(file, moved, _is_changed(before, wanted, "since"), "since")


def _is_changed(before: Image | None, wanted: Image | None, field: str) -> bool:
    return before is None or (wanted is not None and getattr(before, field) != getattr(wanted, field))


def _changed(file: str, what: str, is_accounted_for: bool, key: str) -> Finding:
    reason = f", and {key} of images.toml was not changed" if key and not is_accounted_for else ""
    return Finding(file, f"{what}{reason}", is_note=is_accounted_for)


def _shown(value: object) -> str:
    return msgspec.json.encode(value).decode().strip('"')
