"""A whole index: every file by itself, all that one says of another, and what became of what was."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from generator import images
from generator.check.against import check_against
from generator.check.derived import check_derived, made_by_this_program
from generator.check.finding import Finding
from generator.check.folder import recorded, strangers
from generator.check.image import ImageFiles, check_image
from generator.check.realms import check_realms
from generator.check.revision import Revision
from generator.errors import ConfigurationError
from generator.images import Images


def check(folder: Path, was: Revision | None = None) -> Iterator[Finding]:
    """Everything that is wrong in the index in `folder`, as far as the index itself tells it, and what `was`."""
    wanted: Images | None = None
    try:
        wanted = images.load(folder / "images.toml")
    except ConfigurationError as error:
        yield Finding("images.toml", str(error).removeprefix(f"{folder}/images.toml: "))
    named = wanted.images if wanted else {}
    yield from strangers(folder, named)
    files: dict[str, ImageFiles] = {}
    for name in recorded(folder):
        if wanted and name not in named:
            yield Finding(name, "is not in images.toml, and so not served", is_note=True)
        files[name] = yield from check_image(folder, name, named.get(name))
    for name in sorted(named.keys() - files.keys()):
        if (folder / name / "packages.json").exists():
            yield Finding(f"{name}/index.json", "is missing, should be beside packages.json; refresh")
    yield from check_realms(each.index for each in files.values() if each.index)
    if wanted:
        for finding in check_derived(folder, wanted, files):
            yield replace(finding, is_note=True) if was and _awaits_refresh(folder, was, finding.file) else finding
    if was:
        yield from check_against(was, wanted, files)


def _awaits_refresh(folder: Path, was: Revision, file: str) -> bool:
    """Whether a file is as it was, while what it follows from is newer: images.toml, or this program."""
    return was.is_unchanged(file) and (not was.is_unchanged("images.toml") or not made_by_this_program(folder))
