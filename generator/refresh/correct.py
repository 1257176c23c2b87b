"""What is recorded of builds, derived again where the rules or images.toml may say otherwise by now."""

from collections.abc import Mapping

from generator.images import Image
from generator.package.purl import INSTALLED
from generator.record.correction import corrected, settings_of, verified
from generator.record.index import Build, ImageIndex
from generator.record.packages import Contents
from generator.refresh.learn import learn_again
from generator.resolve.main_package import DISAGREE


def unreadable(index: ImageIndex, image: Image) -> list[Build]:
    """The builds to derive again for which packages.json does not suffice: their SBOM has to be read once more."""
    return [build for build in _due(index, image) if not suffices(build, image) and not build.gone]


def unverified(index: ImageIndex, image: Image) -> list[Build]:
    """The builds whose version was believed before images.toml said who has to sign."""
    if image.trust is None:
        return []
    sourced = (build for build in index.builds if build.version and build.sbom and not build.gone)
    return [build for build in sourced if build.sbom and not build.sbom.verified]


def derive_again(
    index: ImageIndex, image: Image, contents: Contents, learned: Mapping[tuple[str, str], Build]
) -> list[Build]:
    """The recorded builds, put right by what was `learned` of them anew, or else by their recorded packages.

    One that was read again for its signature alone keeps its version.
    """
    due = {build.key for build in _due(index, image)}
    builds = []
    for build in index.builds:
        if build.key in due and build.key in learned:
            build = corrected(build, learned[build.key])
        elif build.key in learned:
            build = verified(build, learned[build.key])
        elif build.key in due and build.key in contents and suffices(build, image):
            build = learn_again(build, contents[build.key], image)
        builds.append(build)
    return builds


def _due(index: ImageIndex, image: Image) -> list[Build]:
    has_changed = index.settings != settings_of(image)
    return [build for build in index.builds if has_changed or build.version is None]


def suffices(build: Build, image: Image) -> bool:
    """Whether a version follows from the recorded packages: those of one document, where others may say otherwise."""
    if build.unknown and build.unknown.reason == DISAGREE:
        return False
    if not build.has_packages or image.version_label or image.package_type not in {"", *INSTALLED}:
        return False
    return image.trust is None or (build.sbom is not None and build.sbom.verified)
