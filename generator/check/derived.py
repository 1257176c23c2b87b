"""What follows from the builds and images.toml, derived again: tags, pages, catalogue, schema and stamps."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from generator.check.document import document, read
from generator.check.finding import Finding, difference
from generator.check.image import ImageFiles, differing
from generator.errors import BrokenIndexError
from generator.images import Image, Images
from generator.record.correction import settings_of
from generator.record.index import Catalogue, ImageIndex, PackageLog, Summary, encode, schema
from generator.record.merge import derived_again, summarize
from generator.record.packages import expand
from generator.record.stamps import FILE as STAMPS
from generator.record.stamps import Stamps, program, source_stamp, stamp
from generator.record.store import Store
from generator.refresh.correct import suffices
from generator.refresh.learn import learn_again
from generator.render.pages import render_catalogue, render_image

CATALOGUE = "index.json"


def check_derived(folder: Path, wanted: Images, files: Mapping[str, ImageFiles]) -> Iterator[Finding]:
    """`files` are those of every image that has an index.json. Of one that is unsound nothing is derived."""
    summaries: dict[str, Summary] = {}
    stamps: dict[str, str] = {}
    for name, image in wanted.images.items():
        if name not in files:
            summaries[name] = summarize(None, image)
            yield from _pages(folder, name, {})
        elif (index := files[name].index) and files[name].is_sound:
            try:
                due = derived_again(index, image)
                pages = render_image(due, image.tracks, expand(files[name].packages), image.address)
            except BrokenIndexError as error:
                yield Finding(f"{name}/index.json", str(error))
                continue
            yield from (Finding(f"{name}/index.json", what) for what in _index(index, due))
            yield from (Finding(f"{name}/index.json", what) for what in _unknown(index, image, files[name].packages))
            yield from _pages(folder, name, pages)
            summaries[name] = summarize(due, image)
            stamps[name] = stamp(source_stamp(image, encode(due)), summaries[name])
    if not files and not (folder / CATALOGUE).exists():
        return  # never refreshed
    yield from _catalogue(folder, wanted, summaries, files)
    yield from _file(folder, "schema.json", schema())
    yield from _stamps(folder, wanted, stamps)


def made_by_this_program(folder: Path) -> bool:
    """Whether the last refresh was by the same rules as these."""
    try:
        stamps = Store(folder).document(STAMPS, Stamps)
    except BrokenIndexError:
        return True
    return stamps is None or stamps.program == program()


def _index(index: ImageIndex, due: ImageIndex) -> Iterator[str]:
    for field, there, wanted in (
        (field, getattr(index, field), getattr(due, field)) for field in ImageIndex.__struct_fields__
    ):
        if isinstance(there, dict):
            yield from _entries(field, there, wanted)
        elif there != wanted:
            yield f"{field} is {_shown(there)}, should be {_shown(wanted)} by the builds and images.toml"


def _unknown(index: ImageIndex, image: Image, packages: PackageLog | None) -> Iterator[str]:
    """Builds of unknown version, which a refresh derives again from their packages whenever it records something."""
    unknown = [build for build in index.builds if build.version is None and suffices(build, image)]
    contents = expand(packages) if unknown and index.settings == settings_of(image) else {}
    for build in unknown:
        if build.key in contents:
            for field, there, due in differing(build, learn_again(build, contents[build.key], image)):
                what = f"build {build.digest} ({build.track}): {field} is {there}, should be {due}"
                yield f"{what} by its packages and images.toml; refresh"


def _entries(field: str, there: Mapping[str, object], due: Mapping[str, object]) -> Iterator[str]:
    for key in sorted(there.keys() | due.keys()):
        one, other = there.get(key), due.get(key)
        if one == other:
            continue
        if one is None:
            yield f"{field}.{key} is missing, should be {_shown(other)} by the builds and images.toml"
        elif other is None:
            yield f"{field}.{key} is {_shown(one)}, should not be there by the builds and images.toml"
        else:
            yield f"{field}.{key} is {_shown(one)}, should be {_shown(other)} by the builds and images.toml"


def _pages(folder: Path, name: str, pages: Mapping[str, str]) -> Iterator[Finding]:
    for page, text in sorted(pages.items()):
        yield from _file(folder, f"{name}/{page}", text.encode())
    for path in sorted((folder / name).glob("*.md")):
        if path.name not in pages:
            yield Finding(f"{name}/{path.name}", "is no page of the image, should not be there: no build is of it")


def _file(folder: Path, file: str, due: bytes) -> Iterator[Finding]:
    data = yield from read(folder, file)
    if data is None:
        yield Finding(file, "is missing, should be there; a refresh writes it")
    elif data != due:
        yield Finding(file, f"{difference(data, due)} (edited, or made by another version: a refresh writes it anew)")


def _catalogue(
    folder: Path, wanted: Images, summaries: Mapping[str, Summary], files: Mapping[str, ImageFiles]
) -> Iterator[Finding]:
    there = yield from document(folder, CATALOGUE, Catalogue)
    if there is None:
        if not (folder / CATALOGUE).exists():
            yield Finding(CATALOGUE, "is missing, should name every image; a refresh writes it")
        return
    if there.upstream != str(wanted.upstream):
        yield Finding(
            CATALOGUE, f"upstream is {there.upstream}, should be {wanted.upstream} as in images.toml; refresh"
        )
    for name in sorted(there.images.keys() - wanted.images.keys()):
        yield Finding(CATALOGUE, f"images.{name} is not in images.toml, should not be there; refresh")
    for name, due in summaries.items():
        if name in there.images:
            yield from (Finding(CATALOGUE, f"images.{name}.{what}") for what in _summary(there.images[name], due, name))
        elif name in files:
            yield Finding(CATALOGUE, f"images.{name} is missing, should be there: {name}/index.json is; refresh")
        else:
            yield Finding(CATALOGUE, f"images.{name} is not there yet: a refresh adds it", is_note=True)
    page = {name: summaries.get(name, summary) for name, summary in there.images.items()}
    text = render_catalogue(msgspec.structs.replace(there, images=page), wanted.address, wanted.site)
    yield from _file(folder, "README.md", text.encode())


def _summary(there: Summary, due: Summary, name: str) -> Iterator[str]:
    if there.refreshed and not due.refreshed:
        yield f"refreshed is true, should be false: {name}/index.json is missing; restore it from git"
        return
    for field in Summary.__struct_fields__:
        one, other = getattr(there, field), getattr(due, field)
        if one != other:
            yield f"{field} is {_shown(one)}, should be {_shown(other)} by {name}/index.json and images.toml; refresh"


def _stamps(folder: Path, wanted: Images, due: Mapping[str, str]) -> Iterator[Finding]:
    there = yield from document(folder, STAMPS, Stamps)
    if there is None:
        if not (folder / STAMPS).exists():
            yield Finding(STAMPS, "is missing: the next refresh makes all anew, and writes it", is_note=True)
        return
    for name in sorted(there.images.keys() - wanted.images.keys()):
        yield Finding(STAMPS, f"images.{name} is not in images.toml, should not be there; refresh")
    for name in sorted({*there.absent, *there.refused} - wanted.images.keys()):
        key = "absent" if name in there.absent else "refused"
        yield Finding(STAMPS, f"{key} has {name}, which is not in images.toml, should not be there; refresh")
    if there.program != program():
        yield Finding(STAMPS, f"program is {there.program or 'none'}, this one is {program()}: refresh", is_note=True)
        return
    for name, expected in due.items():
        if there.images.get(name) != expected:
            was = there.images.get(name, "missing")
            yield Finding(STAMPS, f"images.{name} is {was}, should be {expected} by its files and images.toml; refresh")


def _shown(value: object) -> str:
    if value is msgspec.UNSET:
        return "missing"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
