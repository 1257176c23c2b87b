"""What lies in the folder of an index: what a refresh writes there, images.toml, and nothing else."""

import re
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from generator.check.finding import Finding
from generator.files import kind
from generator.record.stamps import FILE as STAMPS
from generator.refresh.presence import FILE as CHECKED

OF_INDEX = frozenset({"images.toml", "README.md", "index.json", "schema.json", STAMPS, CHECKED})
OF_IMAGE = frozenset({"README.md", "index.json", "packages.json"})

_YEAR = re.compile(r"\d{4}(?:-\d\d)?\.md")
_UNFINISHED = re.compile(r"\.[A-Za-z0-9]+\.(?:json|md|toml)\.[a-z0-9_]+")


def check_folder(folder: Path, names: Collection[str], keys: Collection[str] = ()) -> Iterator[Finding]:
    """All that is no regular file of the index; `names` are the images of images.toml, `keys` its files of keys.

    Hidden entries of the folder itself (.gitattributes, .github) are not the index's, and left alone.
    """
    for path in sorted(folder.iterdir()):
        if not path.name.startswith(".") or _UNFINISHED.fullmatch(path.name):
            yield from _entry(folder, path, names, keys)


def recorded_names(folder: Path) -> list[str]:
    """The names of the images that have an index.json, without following a link."""
    found = [path for path in folder.rglob("index.json") if path.parent != folder and not path.is_symlink()]
    names = (path.parent.relative_to(folder).as_posix() for path in found)
    return sorted(name for name in names if not _is_linked(folder, name) and not name.startswith("."))


def _is_linked(folder: Path, name: str) -> bool:
    parts = name.split("/")
    return any((folder / "/".join(parts[:count])).is_symlink() for count in range(1, len(parts) + 1))


def _entry(folder: Path, path: Path, names: Collection[str], keys: Collection[str]) -> Iterator[Finding]:
    file, mode = path.relative_to(folder).as_posix(), path.lstat().st_mode
    if stat.S_ISDIR(mode) and not _belongs(folder, path, names):
        for each in sorted(path.iterdir()):
            yield from _entry(folder, each, names, keys)
    elif not stat.S_ISREG(mode):
        yield Finding(file, f"is {kind(mode)}, should be a regular file; remove it, or restore it from git")
    elif _UNFINISHED.fullmatch(path.name):
        yield Finding(file, "left by a refresh that was cut short; remove it", is_note=True)
    elif file not in keys and not _belongs(folder, path, names):
        yield Finding(file, "is no file of an index, should not be there; keep it outside of this folder")
    elif mode & 0o111:
        yield Finding(file, f"is executable (mode {stat.S_IMODE(mode):o}), should not be: chmod 644")


def _belongs(folder: Path, path: Path, names: Collection[str]) -> bool:
    if path.parent == folder:
        return path.name in OF_INDEX
    image = path.parent.relative_to(folder).as_posix()
    is_image = image in names or (path.parent / "index.json").exists()
    return is_image and (path.name in OF_IMAGE or bool(_YEAR.fullmatch(path.name)))
