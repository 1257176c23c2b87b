"""The Markdown pages of the index. Pure: a page depends on nothing but the records that it shows."""

import re
from collections.abc import Iterable
from datetime import datetime

import jinja2

from generator.images import ADDRESS
from generator.record.index import Build, Catalogue, ImageIndex
from generator.record.merge import newest_release
from generator.record.packages import Contents
from generator.record.tags import pull_tag
from generator.render.story import by_month, by_year, current, entries, former_signers, signer

RECENT = 20
LONG_YEAR = 60
SHOWN_CHANGES = 12
SHOWN_CHANGES_OF_A_YEAR = 6
SHOWN_CANDIDATES = 6

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
    """With hyphens at which no line is broken: a column of dates stays as wide as a date."""
    return f"{moment:%Y\u2011%m\u2011%d}" if moment else ""


def at(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""


def short(digest: str) -> str:
    """Enough of a digest to know it by."""
    return digest.partition(":")[2][:12]


def anchor(build: Build) -> str:
    """What a link to a build ends in."""
    return f"{build.track}-{short(build.digest)}"


environment = jinja2.Environment(
    loader=jinja2.PackageLoader("generator.render"),
    autoescape=False,  # noqa: S701  Markdown, not HTML: every value goes through `markdown` or `code`
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
environment.filters |= {
    "markdown": markdown,
    "code": code,
    "codes": codes,
    "day": day,
    "at": at,
    "anchor": anchor,
    "short": short,
    "signer": signer,
}


def render_catalogue(catalogue: Catalogue, address: str = ADDRESS, site: str | None = None) -> str:
    """`README.md` of the index. `address` is what clients pull from, `site` the URL of the same as web pages."""
    return environment.get_template("catalogue.md.j2").render(
        catalogue=catalogue,
        address=address,
        site=site,
        example=next((name for name, image in sorted(catalogue.images.items()) if image.tag), None),
    )


def render_image(
    index: ImageIndex, watched: Iterable[str], contents: Contents, address: str = ADDRESS
) -> dict[str, str]:
    """The pages of an image by file name.

    `README.md` has its newest builds, `<year>.md` those of a year; of a long year it lists the months,
    `<year>-<month>.md`.
    """
    story = entries(index, contents)
    newest = newest_release(index.builds, watched)
    former = former_signers(index.builds)
    pages: dict[str, str] = {}
    years: dict[int, int] = {}
    page_of: dict[tuple[str, str], str] = {}
    for year, of_year in by_year(story):
        years[year] = len(of_year)
        months = list(by_month(of_year))
        pages_of_year = {f"{year}.md": of_year}
        if len(of_year) > LONG_YEAR:
            pages_of_year = {f"{month:%Y-%m}.md": of_month for month, of_month in months}
            pages[f"{year}.md"] = _render("year.md.j2", index=index, year=year, months=months)
        for name, shown in pages_of_year.items():
            page_of |= dict.fromkeys((entry.build.key for entry in shown), name)
            values = {"period": name.removesuffix(".md"), "entries": shown, "shown": SHOWN_CHANGES_OF_A_YEAR}
            pages[name] = _render("builds.md.j2", index=index, former=former, **values)
    pages["README.md"] = _render(
        "image.md.j2",
        index=index,
        address=address,
        newest=newest,
        pull=pull_tag(index.tags, newest) if newest else None,
        current=current(index),
        page_of=page_of,
        entries=story[:RECENT],
        total=len(story),
        years=years,
        shown=SHOWN_CHANGES,
        former=former,
    )
    return pages


def _render(template: str, **values: object) -> str:
    return environment.get_template(template).render(candidates=SHOWN_CANDIDATES, **values)
