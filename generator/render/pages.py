"""The Markdown pages of the index. Pure: a page depends on nothing but the records that it shows."""

import re
from collections.abc import Iterable
from datetime import datetime

import jinja2

from generator.record.index import Build, Catalogue, ImageIndex
from generator.record.merge import newest_release
from generator.record.packages import Contents
from generator.record.tags import exact_tag, line_tags, unique_tags, version_of
from generator.render.story import current, entries, years

RECENT = 20
SHOWN_CHANGES = 12

_SPECIAL = re.compile(r"([!-+:-@\[-`{-~])")
_LIST = re.compile(r"\A(\s*\d{0,9})([-.])(?=[\s-]|\Z)")
_CONTROL = re.compile(r"[^\x20-\x7e]+")


def markdown(text: object) -> str:
    """`text` with nothing in it that Markdown would act on within a line (CommonMark, backslash escapes)."""
    return _LIST.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", _CONTROL.sub("?", str(text))))


def code(text: object) -> str:
    """`text` as a code span that may stand in a table cell."""
    plain = _CONTROL.sub("?", str(text)).replace("`", "'").replace("|", "\\|")
    return f"`{plain}`" if plain else ""


def codes(texts: Iterable[object]) -> str:
    return ", ".join(map(code, texts))


def day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else ""


def at(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""


environment = jinja2.Environment(
    loader=jinja2.PackageLoader("generator.render"),
    autoescape=False,  # noqa: S701  Markdown, not HTML: every value goes through `markdown` or `code`
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
environment.filters |= {"markdown": markdown, "code": code, "codes": codes, "day": day, "at": at}


def render_catalogue(catalogue: Catalogue) -> str:
    """`README.md` of the index."""
    return environment.get_template("catalogue.md.j2").render(catalogue=catalogue)


def render_image(index: ImageIndex, watched: Iterable[str], contents: Contents) -> dict[str, str]:
    """The pages of an image by file name: `README.md` with its newest builds, and `<year>.md` with all of a year."""
    told = entries(index, contents)
    newest = newest_release(index.builds, watched)
    by_year = list(years(told))
    pages = {
        "README.md": environment.get_template("image.md.j2").render(
            index=index,
            newest=newest,
            pull=_pull_tag(index, newest),
            current=current(index),
            entries=told[:RECENT],
            total=len(told),
            years=[(year, len(of_year)) for year, of_year in by_year],
            shown=SHOWN_CHANGES,
        )
    }
    for year, of_year in by_year:
        template = environment.get_template("year.md.j2")
        pages[f"{year}.md"] = template.render(index=index, year=year, entries=of_year, shown=SHOWN_CHANGES)
    return pages


def _pull_tag(index: ImageIndex, build: Build | None) -> str | None:
    """The tag by which people ask for a build: its version without the distribution's revision, where it has that."""
    version = version_of(build) if build else None
    if build is None or version is None:
        return None
    narrowest = next(iter(line_tags(build, version).values()))
    names = (narrowest, exact_tag(build, version), *unique_tags(build, version))
    return next((name for name in names if index.tags.get(name) == build.digest), None)
