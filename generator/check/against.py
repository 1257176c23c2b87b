"""What an index no longer has, or has otherwise, of what it once recorded; and what it has beyond that."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from generator.check.finding import Finding
from generator.check.image import ImageFiles
from generator.check.origin import check_origin
from generator.check.revision import Revision
from generator.errors import BrokenIndexError, MalformedError
from generator.images import Image, Images
from generator.record.index import Build, ImageIndex, PackageLog
from generator.record.packages import expand
from generator.record.tags import unique_tags_of

_FILLED_IN = frozenset({"version", "purl", "sbom", "label"})


def check_against(was: Revision, wanted: Images | None, files: Mapping[str, ImageFiles]) -> Iterator[Finding]:
    """`files` are those of every image as it is. What images.toml accounts for is a note, and so is each new build."""
    before = was.images()
    yield from _images(before, wanted)
    for name in was.names:
        log = f"{name}/packages.json"
        if was.is_unchanged(f"{name}/index.json") and was.is_unchanged(log):
            continue
        try:
            old = was.document(f"{name}/index.json", ImageIndex)
            old_log = was.document(log, PackageLog)
        except MalformedError as error:
            yield Finding(f"{name}/index.json", f"cannot be compared with what it was: {error}")
            continue
        if old:
            settings = _settings(before, name), _settings(wanted, name)
            yield from _image(name, Then(old, old_log, settings[0]), files.get(name), settings[1])
    for name in sorted(files.keys() - set(was.names)):
        if index := files[name].index:
            builds = f"{len(index.builds)} build{'' if len(index.builds) == 1 else 's'}"
            yield Finding(f"{name}/index.json", f"is new, with {builds} of {index.repository}", is_note=True)


@dataclass(frozen=True, slots=True)
class Then:
    """An image as it was, and what images.toml said of it."""

    index: ImageIndex
    packages: PackageLog | None
    settings: Image | None


def _settings(images: Images | None, name: str) -> Image | None:
    return images.images.get(name) if images else None


def _images(before: Images | None, wanted: Images | None) -> Iterator[Finding]:
    if before is None or wanted is None:
        return
    for key, use in (("upstream", "unknown names are sent there"), ("address", "commands show it"), ("site", "")):
        was, is_ = getattr(before, key), getattr(wanted, key)
        if was != is_:
            yield Finding("images.toml", f"{key} was {was}, and is {is_}{': ' if use else ''}{use}", is_note=True)
    for name in sorted(before.images.keys() - wanted.images.keys()):
        yield Finding("images.toml", f"[images.{name}] was there, and is not: it is no longer served", is_note=True)


def _image(name: str, then: Then, now: ImageFiles | None, wanted: Image | None) -> Iterator[Finding]:
    file, old = f"{name}/index.json", then.index
    if now is None:
        yield Finding(file, f"is gone, should be there with its {len(old.builds)} builds; restore it from git")
        return
    if now.index is None:
        return  # which the check itself has named
    yield from check_origin(file, old, now.index, then.settings, wanted)
    yield from (Finding(file, what) for what in _lost(old, now.index))
    yield from _new(file, then, now.index, wanted)
    yield from (Finding(file, what) for what in _unique(old, now.index))
    yield from (Finding(f"{name}/packages.json", what) for what in _packages(old, then.packages, now.packages))


def _lost(old: ImageIndex, new: ImageIndex) -> Iterator[str]:
    recorded = {build.key: build for build in new.builds}
    for build in old.builds:
        now = recorded.get(build.key)
        if now is None:
            yield f"build {build.digest} ({build.track}) is lost, should be there"
            continue
        for field, was, is_ in _fields(build, now):
            if not (_may_fill_in(field, was) or (field == "unknown" and build.version is None)):
                yield f"build {build.digest} ({build.track}): {field} was {was}, and is {is_}"


def _fields(build: Build, now: Build) -> Iterator[tuple[str, str, str]]:
    """The fields that differ, as they were and as they are."""
    for field in msgspec.structs.fields(Build):
        was, is_ = getattr(build, field.name), getattr(now, field.name)
        if was != is_:
            yield field.encode_name, msgspec.json.encode(was).decode(), msgspec.json.encode(is_).decode()


def _may_fill_in(field: str, was: str) -> bool:
    return was == "null" and field in _FILLED_IN


def _new(file: str, then: Then, new: ImageIndex, wanted: Image | None) -> Iterator[Finding]:
    """What nobody can prove offline, and a reviewer should see; and what no refresh would have added."""
    recorded = {build.key: build for build in then.index.builds}
    is_frozen = wanted is not None and wanted.frozen and then.settings is not None and then.settings.frozen
    for build in new.builds:
        before, what = recorded.get(build.key), f"build {build.digest} ({build.track})"
        if before is None and is_frozen:
            yield Finding(file, f"{what} is new, should not be: the image is frozen in images.toml")
        elif before is None and wanted and build.track not in wanted.tracks:
            yield Finding(file, f"{what} is new, should not be: images.toml watches {', '.join(wanted.tracks)}")
        elif before is None:
            yield Finding(file, f"{what} is new: {build.version or 'unknown version'}", is_note=True)
        elif before.version is None and build.version is not None:
            yield Finding(file, f"{what}: its version was unknown, and is {build.version}", is_note=True)


def _unique(old: ImageIndex, new: ImageIndex) -> Iterator[str]:
    for build in old.builds:
        try:
            tags = unique_tags_of(build)
        except BrokenIndexError:
            continue
        for tag in tags:
            if old.tags.get(tag) == build.digest != new.tags.get(tag):
                yield f"tags.{tag} was {build.digest}, and is {new.tags.get(tag, 'lost')}: a unique tag never moves"


def _packages(old: ImageIndex, old_log: PackageLog | None, new_log: PackageLog | None) -> Iterator[str]:
    before, now = expand(old_log), expand(new_log)
    for build in old.builds:
        key = build.key
        if key in before and before[key] != now.get(key):
            yield f"packages of {build.digest} ({build.track}) {'are lost' if key not in now else 'were changed'}"
