"""A whole index: every file by itself, all that one says of another, and what became of what was."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from generator import images
from generator.check.against import check_against, new_builds
from generator.check.derived import check_derived, made_by_this_program
from generator.check.finding import Finding
from generator.check.folder import check_folder, recorded_names
from generator.check.image import ImageFiles, check_image
from generator.check.origin import check_realms
from generator.check.remembered import check_missed, check_remembered
from generator.check.revision import Revision
from generator.check.upstream import Claim, ask_upstream
from generator.errors import ConfigurationError
from generator.images import Image, Images
from generator.record.packages import expand
from generator.trust.policy import PublicKey, Verifier


def check(
    folder: Path, was: Revision | None = None, verifiers: Mapping[str, Verifier] | None = None
) -> Iterator[Finding]:
    """Everything that is wrong in the index in `folder`, as far as the index itself tells it, and what `was`.

    With `verifiers`, which may be none, upstream is asked too: for every build, or for those that are new since `was`.
    """
    wanted: Images | None = None
    try:
        wanted = images.load(folder / "images.toml")
    except ConfigurationError as error:
        yield Finding("images.toml", str(error).removeprefix(f"{folder}/images.toml: "))
    named = wanted.images if wanted else {}
    keys = {image.trust.file for image in named.values() if isinstance(image.trust, PublicKey)}
    yield from check_folder(folder, named, keys)
    files: dict[str, ImageFiles] = {}
    for name in recorded_names(folder):
        if wanted and name not in named:
            yield Finding(name, "is not in images.toml, and so not served", is_note=True)
        files[name] = yield from check_image(folder, name, named.get(name))
    for name in sorted(named.keys() - files.keys()):
        if (folder / name / "packages.json").exists():
            yield Finding(f"{name}/index.json", "is missing, should be beside packages.json; refresh")
    yield from check_realms(each.index for each in files.values() if each.index)
    builds = {f"{name} {build.digest}" for name, each in files.items() if each.index for build in each.index.builds}
    yield from check_missed(folder, builds)
    for key in sorted(keys):
        if not (folder / key).exists():
            yield Finding(key, "is missing, should be the public key that [trust] of images.toml names")
    if wanted:
        for finding in check_derived(folder, wanted, files):
            yield replace(finding, is_note=True) if was and _awaits_refresh(folder, was, finding.file) else finding
    confirmed: dict[str, frozenset[str]] = {}
    if verifiers is not None:
        for answer in ask_upstream(_claims(named, files, was, verifiers)):
            confirmed[answer.name] = answer.confirmed
            yield from answer.findings
    if was:
        yield from check_against(was, wanted, files, confirmed)
        yield from check_remembered(folder, was)


def _claims(
    named: Mapping[str, Image], files: Mapping[str, ImageFiles], was: Revision | None, verifiers: Mapping[str, Verifier]
) -> Iterator[Claim]:
    """What there is to be asked of upstream: with `was`, of the images only that have changed."""
    for name, image in named.items():
        index = files[name].index if name in files and files[name].is_sound else None
        if index and not (was and was.is_unchanged(f"{name}/index.json")):
            builds = new_builds(was, index) if was else tuple(build for build in index.builds if not build.gone)
            packages = expand(files[name].packages)
            yield Claim(image, index, packages, builds, are_new=was is not None, verifier=verifiers.get(name))


def _awaits_refresh(folder: Path, was: Revision, file: str) -> bool:
    """Whether a file is as it was, while what it follows from is newer: images.toml, or this program."""
    return was.is_unchanged(file) and (not was.is_unchanged("images.toml") or not made_by_this_program(folder))
