"""The Markdown pages of the index. Pure: a page depends on nothing but the records that it shows."""

import re
from collections.abc import Iterable
from datetime import datetime

import jinja2

from generator.record.index import Build, Catalogue, ImageIndex
from generator.record.merge import newest_release
from generator.record.tags import fit, suffix, unique_tags, version_of

_SPECIAL = re.compile(r"([!-+:-@\[-`{-~])")
_CONTROL = re.compile(r"[^\x20-\x7e]+")


def markdown(text: object) -> str:
    """`text` with nothing in it that Markdown would act on within a line (CommonMark, backslash escapes)."""
    return _SPECIAL.sub(r"\\\1", _CONTROL.sub("?", str(text)))


def code(text: object) -> str:
    """`text` as a code span that may stand in a table cell."""
    plain = _CONTROL.sub("?", str(text)).replace("`", "'").replace("|", "\\|")
    return f"`{plain}`" if plain else ""


def day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else ""


_environment = jinja2.Environment(
    loader=jinja2.PackageLoader("generator.render"),
    autoescape=False,  # noqa: S701  Markdown, not HTML: every value goes through `markdown` or `code`
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_environment.filters |= {"markdown": markdown, "code": code, "day": day}


def render_catalogue(catalogue: Catalogue) -> str:
    """`README.md` of the index."""
    return _environment.get_template("catalogue.md.j2").render(catalogue=catalogue)


def render_image(index: ImageIndex, watched: Iterable[str]) -> str:
    """`<image>/README.md`."""
    unique = {name for build in index.builds if (version := version_of(build)) for name in unique_tags(build, version)}
    builds = {build.digest: build for build in index.builds}
    moving = [(tag, builds[digest]) for tag, digest in index.tags.items() if tag not in unique]
    newest = newest_release(index.builds, watched)
    return _environment.get_template("image.md.j2").render(
        index=index,
        newest=newest,
        pull=_pull_tag(index, newest),
        moving=sorted(moving, key=_newest_first, reverse=True),
        builds=[(build, _tags_of(index, build)) for build in reversed(index.builds)],
    )


def _pull_tag(index: ImageIndex, build: Build | None) -> str | None:
    """The tag by which people ask for a build: its version without the distribution's revision, where it has that."""
    version = version_of(build) if build else None
    if build is None or version is None:
        return None
    names = [f"{fit(text)}{suffix(build.track)}" for text in (version.lines[0], version.text)]
    return next((name for name in (*names, *_tags_of(index, build)) if index.tags.get(name) == build.digest), None)


def _newest_first(tagged: tuple[str, Build]) -> tuple[datetime, str]:
    name, build = tagged
    return build.seen, name


def _tags_of(index: ImageIndex, build: Build) -> list[str]:
    """The unique tag of a build."""
    version = version_of(build)
    names = unique_tags(build, version) if version else ()
    return [name for name in names if index.tags.get(name) == build.digest]
