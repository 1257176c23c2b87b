"""What an index no longer has, or has otherwise, of what it once recorded; and what it has beyond that."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from generator.check.finding import Finding
from generator.check.image import ImageFiles, differing
from generator.check.origin import Settings, check_origin, check_settings
from generator.check.revision import Revision
from generator.errors import BrokenIndexError, MalformedError
from generator.images import Image, Images
from generator.record.correction import DERIVED, became_verified, settings_of, unlawful
from generator.record.index import Build, ImageIndex, PackageLog
from generator.record.packages import Contents, expand
from generator.record.tags import unique_tags
from generator.refresh.correct import suffices
from generator.refresh.learn import learn_again


def check_against(
    was: Revision, wanted: Images | None, files: Mapping[str, ImageFiles], confirmed: Mapping[str, frozenset[str]]
) -> Iterator[Finding]:
    """`files` are those of every image as it is. What images.toml accounts for is a note, and so is each new build.

    `confirmed`, by image, are fields of which upstream itself says that they are so.
    """
    before = was.images()
    if before and wanted:
        yield from check_settings(was, before, wanted)
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
            image = ImageBefore(old, old_log, _settings(before, name), is_unlisted=_is_unlisted(before, name))
            yield from _image(name, image, files.get(name), _settings(wanted, name), confirmed.get(name, frozenset()))
    yield from _unlisted(was, wanted, files.keys() & set(was.names))
    for name in sorted(files.keys() - set(was.names)):
        if index := files[name].index:
            yield from _new_image(index, files[name].packages, _settings(wanted, name))


@dataclass(frozen=True, slots=True)
class ImageBefore:
    """An image as it was, and what images.toml said of it. `is_unlisted`: nothing, so that it was not served."""

    index: ImageIndex
    packages: PackageLog | None
    settings: Image | None
    is_unlisted: bool


def new_builds(was: Revision, index: ImageIndex) -> tuple[Build, ...]:
    """Those that were not recorded then, or are gone since; of an image that cannot be compared, all."""
    file = f"{index.name}/index.json"
    if was.is_unchanged(file):
        return ()
    try:
        old = was.document(file, ImageIndex)
    except MalformedError:
        old = None
    known = {build.key: build for build in old.builds} if old else {}
    return tuple(
        build
        for build in index.builds
        if build.key not in known or (build.gone is not None and known[build.key].gone is None)
    )


def _unlisted(was: Revision, wanted: Images | None, names: Iterable[str]) -> Iterator[Finding]:
    """Pages of images that images.toml does not name follow from nothing, and no refresh writes them."""
    for name in sorted(names):
        if wanted and name not in wanted.images:
            for page in was.changed(f"{name}/", ".md"):
                yield Finding(page, "was changed, should be as it was: its image is not in images.toml")


def _settings(images: Images | None, name: str) -> Image | None:
    return images.images.get(name) if images else None


def _is_unlisted(images: Images | None, name: str) -> bool:
    return images is not None and name not in images.images


def _new_image(index: ImageIndex, packages: PackageLog | None, wanted: Image | None) -> Iterator[Finding]:
    file, contents = f"{index.name}/index.json", expand(packages)
    builds = f"{len(index.builds)} build{'' if len(index.builds) == 1 else 's'}"
    tokens = f", whose tokens come from {index.auth.realm}" if index.auth else ""
    yield Finding(file, f"is new, with {builds} of {index.repository}{tokens}", is_note=True)
    for build in index.builds:
        yield from _unfounded(file, build, index, wanted, contents)


def _image(
    name: str, before: ImageBefore, now: ImageFiles | None, wanted: Image | None, confirmed: frozenset[str]
) -> Iterator[Finding]:
    file, old = f"{name}/index.json", before.index
    if now is None:
        is_deliberate = before.is_unlisted and wanted is None
        what = "is gone" if is_deliberate else "is gone, should be there"
        yield Finding(file, f"{what} with its {len(old.builds)} builds; restore it from git", is_note=is_deliberate)
        return
    if now.index is None:
        return  # which the check itself has named
    yield from check_origin(file, old, now.index, Settings(before.settings, wanted, confirmed))
    if wanted and now.index.settings not in (old.settings, settings_of(wanted)):
        yield Finding(file, "settings are others than before, should be as in images.toml; restore it from git")
    must_be_signed = wanted is not None and wanted.trust is not None
    yield from (Finding(file, what) for what in _lost(old, now.index, must_be_signed))
    yield from _new(file, before, now.index, wanted, expand(now.packages))
    yield from (Finding(file, what) for what in _unique(old, now.index))
    yield from (Finding(f"{name}/packages.json", what) for what in _packages(before, now.index, now.packages))


def _lost(old: ImageIndex, new: ImageIndex, must_be_signed: bool) -> Iterator[str]:
    recorded = {build.key: build for build in new.builds}
    for build in old.builds:
        now = recorded.get(build.key)
        if now is None:
            yield f"build {build.digest} ({build.track}) is lost, should be there"
            continue
        unlawful_ = unlawful(build, now, was_corrected=old.settings != new.settings, must_be_signed=must_be_signed)
        for field, was, is_ in differing(build, now):
            if field in unlawful_:
                yield f"build {build.digest} ({build.track}): {field} was {was}, and is {is_}"


def _new(
    file: str, before: ImageBefore, new: ImageIndex, wanted: Image | None, contents: Contents
) -> Iterator[Finding]:
    """What nobody can prove offline, and a reviewer should see; and what no refresh would have added."""
    recorded = {build.key: build for build in before.index.builds}
    is_frozen = wanted is not None and wanted.frozen and before.settings is not None and before.settings.frozen
    for build in new.builds:
        old, what = recorded.get(build.key), f"build {build.digest} ({build.track})"
        if old is None and is_frozen:
            yield Finding(file, f"{what} is new, should not be: the image is frozen in images.toml")
        elif old is None and wanted and build.track not in wanted.tracks:
            yield Finding(file, f"{what} is new, should not be: images.toml watches {', '.join(wanted.tracks)}")
        elif old is None:
            signed = f", signed by {_signer(build)}" if _signer(build) else ""
            gone = f", and gone since {build.gone:%Y-%m-%d}" if build.gone else ""
            yield Finding(file, f"{what} is new: {build.version or 'unknown version'}{signed}{gone}", is_note=True)
        else:
            changes = _changes(old, build, was_corrected=before.index.settings != new.settings)
            yield from (Finding(file, f"{what}{change}", is_note=True) for change in changes)
        if old is None or any(field in DERIVED for field, *_ in differing(old, build)):
            trusted = before.settings is not None and before.settings.trust is not None
            yield from _unfounded(file, build, new, wanted, contents, had_trust=trusted)


def _changes(old: Build, build: Build, *, was_corrected: bool) -> Iterator[str]:
    """What a refresh may have made of a build that was recorded before; what it may not, others say."""
    if became_verified(old, build):
        yield f" is said to be signed now, by {_signer(build)}: verify proves it"
    if old.version is None and build.version is not None:
        yield f": its version was unknown, and is {build.version}"
    elif old.version != build.version:
        yield f": its version was {old.version}, and is {build.version or 'unknown'}"
    elif old.version is None or was_corrected:
        yield from (
            f": {field} was {was}, and is {is_}" for field, was, is_ in differing(old, build) if field in DERIVED
        )
    if not old.gone and build.gone:
        yield f": is gone upstream since {build.gone:%Y-%m-%d}"
    if old.gone and not build.gone:
        yield f": was gone since {old.gone:%Y-%m-%d}, and is there"


def _unfounded(
    file: str,
    build: Build,
    index: ImageIndex,
    wanted: Image | None,
    contents: Contents,
    *,
    had_trust: bool = False,
) -> Iterator[Finding]:
    """What a refresh by images.toml would not have learned of a build: a signer, a label, another version."""
    if wanted is None:
        return
    what, sbom = f"build {build.digest} ({build.track})", build.sbom
    if sbom and sbom.verified and wanted.trust is None and not had_trust:
        yield Finding(file, f"{what}: sbom.verified is true, should be false: images.toml names nobody to trust")
    if sbom and sbom.kind == "label" and not (index.settings and index.settings.version_label):
        yield Finding(file, f"{what}: sbom.kind is label, should be another: images.toml has no version-label")
    packages = contents.get(build.key)
    if build.version and packages and index.settings == settings_of(wanted) and suffices(build, wanted):
        due = learn_again(build, packages, wanted)
        if (due.version, due.purl) != (build.version, build.purl):
            wanted_ = f"{due.version}, of {due.purl}" if due.version else "unknown"
            yield Finding(
                file, f"{what}: version is {build.version}, of {build.purl}, should be {wanted_}, by its packages"
            )


def _unique(old: ImageIndex, new: ImageIndex) -> Iterator[str]:
    for build in old.builds:
        try:
            tags = unique_tags(build)
        except BrokenIndexError:
            continue
        for tag in tags:
            if old.digests.get(tag) == build.digest != new.digests.get(tag):
                yield f"tags.{tag} was {build.digest}, and is {new.digests.get(tag, 'lost')}: a unique tag never moves"
    for tag, each in old.retracted.items():
        if each.digest != new.digests.get(tag):
            yield f"retracted.{tag} was {each.digest}, and is {new.digests.get(tag, 'lost')}: a unique tag never moves"
        elif tag in new.retracted and each.reason != new.retracted[tag].reason:
            yield f"retracted.{tag}.reason was {each.reason}, and is {new.retracted[tag].reason}"
    known = {build.digest for build in old.builds}
    for tag, each in new.retracted.items():
        if each.digest in known and old.digests.get(tag) != each.digest:
            yield f"retracted.{tag} is {each.digest}, should not be there: that build never had the tag"


def _signer(build: Build) -> str:
    return build.sbom.identity or "" if build.sbom else ""


def _packages(before: ImageBefore, new: ImageIndex, new_log: PackageLog | None) -> Iterator[str]:
    """An SBOM that was read again, for a version that was unknown or wrong, may list others."""
    then, now = expand(before.packages), expand(new_log)
    recorded = {build.key: build for build in new.builds}
    corrected = {
        build.key
        for build in before.index.builds
        if (new_build := recorded.get(build.key))
        and (
            (build.version is None and build.sbom != new_build.sbom)
            or build.purl != new_build.purl
            or became_verified(build, new_build)
        )
    }
    for build in before.index.builds:
        key = build.key
        if key in then and then[key] != now.get(key) and not (key in now and key in corrected):
            yield f"packages of {build.digest} ({build.track}) {'are lost' if key not in now else 'were changed'}"
