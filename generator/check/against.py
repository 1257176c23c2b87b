"""What an index no longer has, or has otherwise, of what it once recorded."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from generator.check.finding import Finding
from generator.document import decode
from generator.errors import BrokenIndexError, MalformedError
from generator.record.index import Build, ImageIndex, PackageLog
from generator.record.packages import expand
from generator.record.store import Store
from generator.record.tags import unique_tags_of

_FILLED_IN = frozenset({"version", "purl", "sbom"})


def losses(folder: Path, name: str, before: Mapping[str, bytes]) -> Iterator[Finding]:
    """Of one image; `before` are its files as they were."""
    store, file = Store(folder), f"{name}/index.json"
    try:
        old, old_log = _decode(name, before)
    except MalformedError as error:
        yield Finding(file, f"cannot be compared with what it was: {error}")
        return
    if old is None:
        return
    try:
        new, new_log = store.image(name), store.packages(name)
    except BrokenIndexError:
        return  # which the check itself has named
    if new is None:
        yield Finding(file, f"is gone, with {len(old.builds)} builds")
        return
    yield from (Finding(file, what) for what in _builds(old, new))
    yield from (Finding(file, what) for what in _unique(old, new))
    contents, now = expand(old_log), expand(new_log)
    for build in old.builds:
        key = build.key
        if key in contents and contents[key] != now.get(key):
            what = "are lost" if key not in now else "were changed"
            yield Finding(f"{name}/packages.json", f"packages of {build.digest} ({build.track}) {what}")


def _decode(name: str, files: Mapping[str, bytes]) -> tuple[ImageIndex | None, PackageLog | None]:
    index, log = files.get("index.json"), files.get("packages.json")
    return (
        decode(index, ImageIndex, f"{name}/index.json") if index is not None else None,
        decode(log, PackageLog, f"{name}/packages.json") if log is not None else None,
    )


def _builds(old: ImageIndex, new: ImageIndex) -> Iterator[str]:
    recorded = {build.key: build for build in new.builds}
    for build in old.builds:
        now = recorded.get(build.key)
        if now is None:
            yield f"build {build.digest} ({build.track}) is lost"
            continue
        for field in Build.__struct_fields__:
            was, is_ = getattr(build, field), getattr(now, field)
            if was != is_ and not (was is None and field in _FILLED_IN):
                shown = [msgspec.json.encode(value).decode() for value in (was, is_)]
                yield f"build {build.digest} ({build.track}): {field} was {shown[0]}, and is {shown[1]}"


def _unique(old: ImageIndex, new: ImageIndex) -> Iterator[str]:
    for build in old.builds:
        try:
            tags = unique_tags_of(build)
        except BrokenIndexError:
            continue
        for tag in tags:
            if old.tags.get(tag) == build.digest != new.tags.get(tag):
                yield f"unique tag {tag} was {build.digest}, and is {new.tags.get(tag, 'lost')}"
