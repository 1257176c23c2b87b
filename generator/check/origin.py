"""Where an image comes from: what neither follows from its builds nor changes of itself."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

import msgspec

from generator.check.finding import Finding
from generator.check.revision import Revision
from generator.images import Image, Images
from generator.record.index import ImageIndex
from generator.trust.policy import PublicKey

_SETTINGS = [each.name for each in fields(Image) if each.name not in ("name", "address")]
_MOST = 8


@dataclass(frozen=True, slots=True)
class Settings:
    """What images.toml said of an image and says now, and the fields of index.json that upstream confirms."""

    before: Image | None
    now: Image | None
    confirmed: frozenset[str]

    def has_changed(self, key: str) -> bool:
        if self.before is None:
            return True
        return self.now is not None and getattr(self.before, key) != getattr(self.now, key)


def check_realms(images: Iterable[ImageIndex]) -> Iterator[Finding]:
    """A host whose images name more than one token realm: every image that is not with the most."""
    by_host: dict[str, dict[str, list[str]]] = {}
    for index in images:
        if index.auth:
            realms = by_host.setdefault(index.repository.partition("/")[0], {})
            realms.setdefault(index.auth.realm, []).append(index.name)
    for host, realms in sorted(by_host.items()):
        usual, *others = sorted(realms, key=lambda realm: (-len(realms[realm]), realm))
        for realm in others:
            for name in realms[realm]:
                yield Finding(
                    f"{name}/index.json",
                    f"auth.realm is {realm}, should be {usual} as in {realms[usual][0]}/index.json: "
                    f"{host} has one token realm",
                )


def check_settings(was: Revision, before: Images, now: Images) -> Iterator[Finding]:
    """What images.toml says otherwise, each a note: all that is derived follows it, and so does who may sign."""
    for key, use in (("upstream", "unknown names are sent there"), ("address", "commands show it"), ("site", "")):
        old, new = getattr(before, key), getattr(now, key)
        if old != new:
            yield Finding("images.toml", f"{key} was {old}, and is {new}{': ' if use else ''}{use}", is_note=True)
    for name in sorted(before.images.keys() - now.images.keys()):
        yield Finding("images.toml", f"[images.{name}] was there, and is not: it is no longer served", is_note=True)
    for name in sorted(now.images.keys() - before.images.keys()):
        yield Finding("images.toml", f"[images.{name}] is new: {now.images[name].repository}", is_note=True)
    changed: dict[str, list[str]] = {}
    for name in sorted(before.images.keys() & now.images.keys()):
        for key in _SETTINGS:
            old, new = (_setting(getattr(images.images[name], key)) for images in (before, now))
            if old != new:
                changed.setdefault(f"{key.replace('_', '-')} was {old}, and is {new}", []).append(name)
    for what, names in changed.items():
        more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
        yield Finding("images.toml", f"{what}, of {', '.join(names[:_MOST])}{more}", is_note=True)
    keys = {image.trust.file for image in now.images.values() if isinstance(image.trust, PublicKey)}
    for key in sorted(keys):
        if not was.is_unchanged(key):
            yield Finding(key, "is another than it was: whoever has it signs for what is believed", is_note=True)


def _setting(value: object) -> str:
    if isinstance(value, re.Pattern):
        return str(value.pattern)
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    return "not set" if value is None else str(value)


def check_origin(file: str, old: ImageIndex, new: ImageIndex, settings: Settings) -> Iterator[Finding]:
    """What has changed of repository, auth and tracks: a note where images.toml was changed so or upstream confirms it.

    A realm may be another where the registry is.
    """
    is_moved = settings.has_changed("repository")
    if old.repository != new.repository:
        what = f"repository was {old.repository}, and is {new.repository}"
        yield _changed(file, what, is_moved, "repository")
    if old.auth != new.auth:
        is_elsewhere = old.repository.partition("/")[0] != new.repository.partition("/")[0]
        is_accounted_for = (is_moved and is_elsewhere) or "auth" in settings.confirmed
        what = f"auth was {_shown(old.auth)}, and is {_shown(new.auth)}"
        yield _changed(file, what, is_accounted_for, "" if is_moved else "repository")
    for track in sorted(old.tracks.keys() | new.tracks.keys()):
        yield from _track(file, track, old, new, settings)


def _track(file: str, track: str, old: ImageIndex, new: ImageIndex, settings: Settings) -> Iterator[Finding]:
    """A track moves to a build that is new. That it has no `since` for a while is the work of a refresh too."""
    was, is_, field = old.tracks.get(track), new.tracks.get(track), f"tracks.{track}"
    if is_ is None:
        yield _changed(file, f"{field} was {_shown(was)}, and is lost", False, "tracks")
        return
    is_known = (track, is_.digest) in {build.key for build in old.builds}
    is_confirmed = field in settings.confirmed
    if was is None:
        is_watched = settings.now is None or track in settings.now.tracks
        if not is_watched or is_known:
            what = f"{field} was not there, and is {_shown(is_)}"
            yield _changed(file, what, is_watched and is_confirmed, "tracks")
        return
    if was.digest != is_.digest and is_known:
        what = f"{field}.digest was {was.digest}, and is {is_.digest}, which it had left before"
        yield _changed(file, what, is_confirmed, "")
    if was.since and is_.since is None:
        yield Finding(
            file, f"{field}.since was {_shown(was.since)}, and is null: its history is read again", is_note=True
        )
    elif was.since and was.since != is_.since:
        what = f"{field}.since was {_shown(was.since)}, and is {_shown(is_.since)}"
        yield _changed(file, what, settings.has_changed("since"), "since")


def _changed(file: str, what: str, is_accounted_for: bool, key: str) -> Finding:
    reason = f", and {key} of images.toml was not changed" if key and not is_accounted_for else ""
    return Finding(file, f"{what}{reason}", is_note=is_accounted_for)


def _shown(value: object) -> str:
    return msgspec.json.encode(value).decode().strip('"')
