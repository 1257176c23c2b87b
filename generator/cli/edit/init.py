"""`reverse-registry init`: a repository for an index of one's own."""

import hashlib
import os
from importlib import metadata, resources
from pathlib import Path
from typing import Annotated

import typer

from generator import images
from generator.cli.output import show_line
from generator.errors import ConfigurationError, StorageError

# Of the starter's files, where each is put.
_FILES = {
    "images.toml": "index/images.toml",
    "README.md": "README.md",
    "gitattributes": ".gitattributes",
    "refresh.yml": ".github/workflows/refresh.yml",
    "dependabot.yml": ".github/dependabot.yml",
}


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the repository.")] = Path(),
    upstream: Annotated[
        str, typer.Option(metavar="HOST/PATH", help="Where a bare image name lives, and unknown names are sent.")
    ] = images.UPSTREAM,
    private: Annotated[
        bool, typer.Option("--private", help="For images that are not public: a login, and no pages.")
    ] = False,
) -> None:
    """Start a repository for an index of your own, which refreshes itself once it is pushed to GitHub.

    It gets index/images.toml with every key explained, and a workflow that uses this version of reverse-registry.
    Files that are there already are left as they are.
    """
    wanted = folder / "index" / "images.toml"
    if wanted.exists():
        raise ConfigurationError(f"{wanted}: is there already, and was not touched")
    for name, text in _starter(folder, upstream, private=private).items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except FileExistsError:
            show_line(f"kept {path}")
        except OSError as error:
            raise StorageError(f"{path}: cannot be written: {error.strerror}") from None
        else:
            show_line(f"made {path}")
    there = "" if folder == Path() else f"cd {folder} && "
    is_new = "" if (folder / ".git").exists() else "git init -b main && "
    show_line(f"next: {there}{is_new}git add -A && git commit -m 'An index of my own', and push it to GitHub")


def _starter(folder: Path, upstream: str, *, private: bool) -> dict[str, str]:
    """The text of each file. Raises `ConfigurationError` where the upstream is none."""
    home = _home()
    values = {
        "@login@": _read("login.yml") if private else "",
        "@private@": _read("private.md") if private else "",
        "@host@": upstream.partition("/")[0],
        "@home@": home,
        "@repository@": home.removeprefix("https://github.com/"),
        "@version@": metadata.version("reverse-registry"),
        "@minute@": str(_minute(folder)),
    }
    texts = {}
    for name, place in _FILES.items():
        text = _read(name)
        for mark, value in values.items():
            text = text.replace(mark, value)
        texts[place] = text
    text = texts["index/images.toml"].replace(images.UPSTREAM, upstream)
    if upstream != images.UPSTREAM or private:
        text = text.replace("\n[images.", "\n# [images.")
    images.parse(text.encode(), f"--upstream {upstream}")
    return texts | {"index/images.toml": text}


def _read(name: str) -> str:
    return resources.files(__package__).joinpath("starter", name).read_text("utf-8")


def _home() -> str:
    """Where this project lives, as pyproject.toml says."""
    urls = dict(line.split(", ", 1) for line in metadata.metadata("reverse-registry").get_all("Project-URL", []))
    return str(urls["Repository"])


def _minute(folder: Path) -> int:
    """Of the hour, another for each repository: GitHub is slow at the full hour, and not all should ask at once."""
    return 3 + hashlib.sha256(os.fsencode(folder.resolve())).digest()[0] % 54
