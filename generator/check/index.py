"""Whether an index is sound: every file by itself, and all that one says of another.

A refresh writes packages.json of an image, then its index.json, and the catalogue last. Cut short, it leaves a later
one older than an earlier one, which is a note and no problem.
"""

from collections.abc import Generator, Iterator, Mapping
from pathlib import Path

from generator import images
from generator.check.finding import Finding, document
from generator.errors import ConfigurationError
from generator.images import Image, Images
from generator.record.index import Build, Catalogue, ImageIndex, PackageLog, schema
from generator.record.merge import derived_again, merge_builds
from generator.record.packages import compact, expand
from generator.record.version import Version
from generator.resolve.package import parse_purl


def check(folder: Path) -> Iterator[Finding]:
    """Everything that is wrong in the index in `folder`."""
    wanted: Images | None = None
    try:
        wanted = images.load(folder / "images.toml")
    except ConfigurationError as error:
        yield Finding("images.toml", str(error).removeprefix(f"{folder}/images.toml: "))
    for path in sorted(folder.rglob(".*.*.*")):
        yield Finding(f"{path.relative_to(folder)}", "left by a refresh that was cut short; remove it", is_note=True)
    if (folder / "schema.json").exists() and (folder / "schema.json").read_bytes() != schema():
        yield Finding("schema.json", "is not the schema of this version of reverse-registry; a refresh writes it anew")
    known: dict[str, ImageIndex | None] = {}
    for path in sorted(folder.rglob("*/index.json")):
        name = path.parent.relative_to(folder).as_posix()
        image = wanted.images.get(name) if wanted else None
        if wanted and not image:
            yield Finding(name, "is not in images.toml, and so not served", is_note=True)
        known[name] = yield from _image(folder, name, image)
    catalogue = yield from document(folder, "index.json", Catalogue)
    if catalogue:
        yield from _catalogue(catalogue, known)


def _image(folder: Path, name: str, image: Image | None) -> Generator[Finding, None, ImageIndex | None]:
    file, packages = f"{name}/index.json", f"{name}/packages.json"
    index = yield from document(folder, file, ImageIndex)
    log = yield from document(folder, packages, PackageLog)
    for path, each in ((file, index), (packages, log)):
        if each and each.name != name:
            yield Finding(path, f"is of {each.name}, but in the folder of {name}")
    if index is None:
        return None
    if image and index.repository != str(image.repository):
        said = f"was recorded from {index.repository}, but images.toml says {image.repository}; it is not refreshed"
        yield Finding(file, said, is_note=True)
    problems = [*_builds(index), *_references(index)]
    if image and not problems:
        problems = list(_derived(index, image))
    yield from (Finding(file, what) for what in problems)
    if log:
        yield from _packages(packages, index, log)
    elif any(build.sbom for build in index.builds):
        yield Finding(packages, "is missing or unreadable")
    return index


def _builds(index: ImageIndex) -> Iterator[str]:
    if index.builds != merge_builds((), index.builds):
        yield "builds are not in order, or one is there twice on a track"
    for build in index.builds:
        if what := _versioned(build):
            yield f"build {build.digest} ({build.track}): {what}"


def _versioned(build: Build) -> str:
    if build.version is None and build.purl is None:
        return ""
    package = parse_purl(build.purl or "")
    if build.version is None or package is None or package.version != build.version or package.purl != build.purl:
        return f"version {build.version} is not that of its package {build.purl}"
    try:
        Version(package.type, build.version)
    except ValueError as error:
        return str(error)
    return "" if build.sbom else "has a version, but no SBOM that it was read from"


def _references(index: ImageIndex) -> Iterator[str]:
    builds = {build.key for build in index.builds}
    digests = {digest for _, digest in builds}
    for tag, digest in index.tags.items():
        if digest not in digests:
            yield f"tag {tag} points at {digest}, which is not among the builds"
    for track, at in index.tracks.items():
        if (track, at.digest) not in builds:
            yield f"track {track} points at {at.digest}, which is not among its builds"


def _derived(index: ImageIndex, image: Image) -> Iterator[str]:
    """What follows from the builds and images.toml. A unique tag that was published stays, and so counts as given."""
    expected = derived_again(index, image.tracks, image.constraint)
    for tag in sorted(index.tags.keys() | expected.tags.keys()):
        there, due = index.tags.get(tag, "nothing"), expected.tags.get(tag, "nothing")
        if there != due:
            yield f"tag {tag} points at {there}, but at {due} by the builds and images.toml (changed since? refresh)"
    if index.package != expected.package:
        yield f"package is {index.package}, but {expected.package} by the newest build"


def _packages(file: str, index: ImageIndex, log: PackageLog) -> Iterator[Finding]:
    for package in sorted({each for change in log.builds for each in change.added if not parse_purl(f"pkg:{each}")}):
        yield Finding(file, f"{package} is no package URL of an apk, deb or rpm package")
    contents = expand(log)
    if contents.keys() - {build.key for build in index.builds if build.sbom}:
        yield Finding(file, "is ahead of index.json: a refresh was cut short", is_note=True)
    elif compact(index.name, index.builds, contents).builds != log.builds:
        yield Finding(file, "its changes are not those from build to build, in the order of the builds")
    for build in index.builds:
        packages = contents.get(build.key)
        if packages is None and build.sbom:
            yield Finding(file, f"has nothing of build {build.digest} ({build.track}), which has an SBOM")
        elif packages is not None and build.purl and build.purl.removeprefix("pkg:") not in packages:
            yield Finding(file, f"build {build.digest} ({build.track}) lacks its own main package {build.purl}")


def _catalogue(catalogue: Catalogue, known: Mapping[str, ImageIndex | None]) -> Iterator[Finding]:
    """A summary may be older than the image, but not of what the image does not have."""
    for name, summary in catalogue.images.items():
        index = known.get(name)
        if index is None and name in known:
            continue  # unreadable, which has been said
        builds = index.builds if index else ()
        newest = summary.digest, summary.version, summary.created
        lost = summary.digest and newest not in {(build.digest, build.version, build.created) for build in builds}
        if lost or summary.builds > len(builds):
            yield Finding("index.json", f"what it says of {name} is not in {name}/index.json")
        elif summary.builds < len(builds):
            yield Finding("index.json", f"is behind {name}/index.json: a refresh was cut short", is_note=True)
