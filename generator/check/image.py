"""The files of one image: each by itself, and what the one says of the other."""

import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from generator.check.document import document
from generator.check.finding import Finding
from generator.errors import UpstreamError
from generator.images import Image
from generator.package.purl import INSTALLED, parse_recorded
from generator.package.version import Version
from generator.record.correction import settings_of
from generator.record.index import Auth, Build, ImageIndex, PackageLog, Sbom
from generator.record.merge import merge_builds
from generator.record.packages import compact, expand
from generator.record.tags import moment
from generator.reference import Repository
from generator.trust.policy import Identity, Signer, Trust
from generator.upstream.challenge import Realm
from generator.upstream.manifest import INDEXES, MANIFESTS, is_platform

# As packages.json writes a package URL: of all qualifiers, an rpm's epoch alone.
_RECORDED = re.compile(r"[^?#]+|rpm/[^?#]+\?epoch=\d+")
# By so much may the clock of whoever refreshed be ahead of this one.
_AHEAD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ImageFiles:
    """What was read of an image. `is_sound`: both files can be built upon."""

    index: ImageIndex | None
    packages: PackageLog | None
    is_sound: bool


def check_image(folder: Path, name: str, wanted: Image | None) -> Generator[Finding, None, ImageFiles]:
    """`wanted` is what images.toml says of the image, None where it does not name it."""
    file, log = f"{name}/index.json", f"{name}/packages.json"
    index = yield from document(folder, file, ImageIndex)
    packages = yield from document(folder, log, PackageLog)
    problems = [
        Finding(path, f"name is {each.name}, should be {name} as its folder is")
        for path, each in ((file, index), (log, packages))
        if each and each.name != name
    ]
    if index:
        problems += (Finding(file, what) for what in _index(index, wanted))
    if index and packages:
        problems += (Finding(log, what) for what in _packages(index, packages))
    elif index and any(build.has_packages for build in index.builds):
        problems.append(Finding(log, "is missing or unreadable, should have the packages of every build; see git log"))
    yield from problems
    if index and wanted:
        yield from (Finding(file, what, is_note=True) for what in _notes(index, wanted))
    return ImageFiles(index, packages, index is not None and not problems)


def _index(index: ImageIndex, wanted: Image | None) -> Iterator[str]:
    if wanted and index.repository != str(wanted.repository):
        yield f"repository is {index.repository}, should be {wanted.repository} as in images.toml"
    if index.auth:
        yield from _auth(index.repository, index.auth)
    yield from _order(index.builds)
    for build in index.builds:
        problems = [*_build(build), *(_signed(build, wanted.trust) if wanted and wanted.trust else ())]
        yield from (f"build {build.digest} ({build.track}): {what}" for what in problems)
    yield from _references(index)


def _auth(repository: str, auth: Auth) -> Iterator[str]:
    try:
        Realm(auth.realm, auth.service).check(Repository.parse(repository).plain)
    except (UpstreamError, ValueError):
        yield f"auth.realm is {auth.realm}, should be an https:// URL without a user"


def _order(builds: tuple[Build, ...]) -> Iterator[str]:
    seen: set[tuple[str, str]] = set()
    for build in builds:
        if build.key in seen:
            yield f"build {build.digest} ({build.track}) is there twice, should be there once"
        seen.add(build.key)
    for there, due in zip(builds, merge_builds((), builds), strict=False):
        if there.key != due.key:
            yield (
                f"builds are not in order: {there.digest} ({there.track}) stands where {due.digest} ({due.track}) "
                "should, by when they were seen"
            )
            return


def _build(build: Build) -> Iterator[str]:
    is_index = build.media_type in INDEXES
    if build.media_type not in INDEXES | MANIFESTS:
        yield f"mediaType is {build.media_type}, should be one of {', '.join(sorted(INDEXES | MANIFESTS))}"
    if is_index and not build.platforms:
        yield "platforms is empty, should name the image of each platform"
    if not build.size:
        yield "size is 0, should be that of a manifest"
    for platform, digest in build.platforms.items():
        if not is_platform(platform):
            yield f"platforms.{platform} should be named os/architecture, or os/architecture/variant"
        if (digest == build.digest) == is_index:
            yield f"platforms.{platform} is {digest}, should be {'another' if is_index else 'the build itself'}"
    yield from (
        f"{field} is {moment.isoformat()}, should be in UTC"
        for field, moment in (("seen", build.seen), ("created", build.created), ("gone", build.gone))
        if moment and moment.utcoffset()
    )
    if build.seen - datetime.now(UTC) > _AHEAD:
        yield f"seen is {build.seen.isoformat()}, should be in the past"
    if build.gone and build.gone < build.seen:
        yield f"gone is {build.gone.isoformat()}, should be after it was seen, {build.seen.isoformat()}"
    yield from _version(build)
    if build.sbom:
        yield from _sbom(build.sbom, build.purl)


def _sbom(sbom: Sbom, purl: str | None) -> Iterator[str]:
    if sbom.verified != (sbom.identity is not None):
        yield (
            f"sbom.verified is {str(sbom.verified).lower()} with identity {sbom.identity or 'null'}, "
            "should be true with an identity, or false with none"
        )
    if sbom.issuer and not sbom.identity:
        yield f"sbom.issuer is {sbom.issuer}, should not be there: there is no identity that it vouches for"
    if (sbom.kind == "label") != (sbom.format == "label"):
        yield f"sbom.kind is {sbom.kind} with format {sbom.format}, should be label both, or neither"
    elif sbom.kind == "label" and (sbom.verified or not (purl or "").startswith("pkg:generic/")):
        yield f"sbom.kind is label, should not be: it gives {purl} no version, nor is it ever signed"


def _signed(build: Build, trust: Trust) -> Iterator[str]:
    """What is verified is so of whom images.toml trusts; what is not was recorded before it named anybody."""
    sbom = build.sbom
    if sbom is None or not sbom.verified:
        return
    signer = Signer(sbom.identity or "", sbom.issuer or "")
    if not (trust.admits(signer) if isinstance(trust, Identity) else signer.identity.startswith("key:")):
        yield f"sbom.identity is {signer}, should be {trust} as in [trust] of images.toml"


def _version(build: Build) -> Iterator[str]:
    if build.version is None and build.purl is None:
        return
    if build.unknown:
        yield f"unknown is there, should not be: version is {build.version}"
    package = parse_recorded((build.purl or "").removeprefix("pkg:"))
    if build.version is None or package is None or package.version != build.version or package.purl != build.purl:
        yield f"version is {build.version}, should be that of its package {build.purl}"
        return
    try:
        Version(package.type, build.version)
    except ValueError as error:
        yield f"version: {error}"
        return
    if not build.sbom:
        yield "sbom is null, should be what the version was read from"


def _references(index: ImageIndex) -> Iterator[str]:
    builds = {build.key for build in index.builds}
    digests = {digest for _, digest in builds}
    for tag, digest in index.digests.items():
        if digest not in digests:
            field = next(field for field in ("tags", "retracted", "gone") if tag in getattr(index, field))
            yield f"{field}.{tag} is {digest}, should be the digest of one of the builds"
    minutes = {build.digest: f"-{moment(build):%Y%m%d%H%M}" for build in index.builds}
    for tag, each in index.retracted.items():
        if minutes.get(each.digest, "") not in tag:
            yield f"retracted.{tag} names not the minute of {each.digest}, should: only unique tags are retracted"
    for track, at in index.tracks.items():
        if (track, at.digest) not in builds:
            yield f"tracks.{track}.digest is {at.digest}, should be that of one of its builds"
        if at.since and at.since.utcoffset():
            yield f"tracks.{track}.since is {at.since.isoformat()}, should be in UTC"


def _notes(index: ImageIndex, wanted: Image) -> Iterator[str]:
    unsigned = sum(build.sbom is not None and not build.sbom.verified for build in index.builds) if wanted.trust else 0
    if unsigned:
        yield f"{unsigned} of {len(index.builds)} builds were recorded without a signature: verify asks for one"
    if index.settings != (due := settings_of(wanted)):
        there, now = (msgspec.json.encode(each).decode() for each in (index.settings, due))
        yield f"settings is {there}, and {now} by images.toml: a refresh derives the versions again"
    for track in sorted(index.tracks.keys() - set(wanted.tracks)):
        yield f"tracks.{track} is not watched any more: images.toml has {', '.join(wanted.tracks)}"


def _packages(index: ImageIndex, log: PackageLog) -> Iterator[str]:
    for package in _unparsable(index, log):
        yield f"{package} is no package URL of an installed package, should be one without `pkg:` and qualifiers"
    contents = expand(log)
    with_sbom = {build.key for build in index.builds if build.sbom}
    for track, digest in sorted(contents.keys() - with_sbom):
        yield f"has packages of {digest} ({track}), should not: index.json has no such build with an SBOM; refresh"
    if contents.keys() <= with_sbom and compact(index.name, index.builds, contents).builds != log.builds:
        yield "its changes are not those from build to build, should be in the order of the builds, each sorted"
    for build in index.builds:
        packages = contents.get(build.key)
        if packages is None and build.has_packages:
            yield f"has nothing of build {build.digest} ({build.track}), should have its packages: it has an SBOM"
        elif build.has_packages and packages is not None and build.purl and build.purl[4:] not in packages:
            yield f"build {build.digest} ({build.track}) lacks {build.purl}, should have it: its own main package"


def _unparsable(index: ImageIndex, log: PackageLog) -> Iterable[str]:
    """Beside what is installed, packages.json has a build's main package, of whatever type images.toml names."""
    mains = {build.purl.removeprefix("pkg:") for build in index.builds if build.purl}
    added = {each for change in log.builds for each in change.added}
    packages = {each: parse_recorded(each) for each in added}
    return sorted(
        each
        for each, package in packages.items()
        if package is None or not _RECORDED.fullmatch(each) or (package.type not in INSTALLED and each not in mains)
    )


def differing(one: Build, other: Build) -> Iterator[tuple[str, str, str]]:
    """The fields in which two records of a build differ, as the index names them, with the value in each as JSON."""
    for field in msgspec.structs.fields(Build):
        first, second = getattr(one, field.name), getattr(other, field.name)
        if first != second:
            yield field.encode_name, msgspec.json.encode(first).decode(), msgspec.json.encode(second).decode()
