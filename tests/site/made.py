"""An index that no upstream has: a long history, hostile text, names like paths of the site, images with nothing."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from packageurl import PackageURL

from generator.package.version import Version
from generator.record.index import Build, ImageIndex, Sbom, Track, Unknown
from generator.record.packages import compact
from generator.record.store import Store
from tests.hostile.texts import LINES, WORDS
from tests.query.made import Made, build, digest

LONG = 260
"""Builds of the image with the long history."""

RESERVED = ("feed.atom", "healthz", "index.html", "nginx/index.html", "robots.txt", "search", "v2", "v2/nginx")

HOSTILE = (
    *WORDS,
    "1.1\" onmouseover=\"alert(1)' x='",
    "{{7*7}}{%raw%}${7*7}",
    "]]><!--><!DOCTYPE",
    "9" * 5000,
    "x" * 10_000,
    "../../../etc/passwd",
)


def synthetic(folder: Path) -> Path:
    made = Made(folder)
    made.image("history", list(_history()))
    made.image(
        "sparse",
        [
            (_unknown("2025-01-01", "no package is called sparse"), None),
            (build(None, "2025-02-01", name="sparse"), None),
        ],
    )
    tables = (f'[images."{name}"]\n' for name in (*RESERVED, "waiting", "hostile"))
    made.toml.write_text(made.toml.read_text() + "".join(tables))
    for name in RESERVED:
        _write(folder, name, [(build("1.0-r0", "2025-01-01", name=name), frozenset())], {"1.0-r0": ""})
    _hostile(folder)
    return folder


def _write(folder: Path, name: str, builds: list[tuple[Build, frozenset[str]]], tags: dict[str, str]) -> None:
    store, newest = Store(folder), builds[-1][0]
    index = ImageIndex(
        name=name,
        repository=f"cgr.dev/chainguard/{name}",
        package="demo",
        auth=None,
        tracks={newest.track: Track(digest=newest.digest, since=None)},
        tags=dict.fromkeys(tags, newest.digest),
        builds=tuple(each for each, _ in builds),
    )
    store.write(f"{name}/packages.json", compact(name, index.builds, {each.key: packages for each, packages in builds}))
    store.write(f"{name}/index.json", index)


def _unknown(day: str, reason: str, candidates: tuple[str, ...] = ("apk/wolfi/sparse-core@1.0-r0",)) -> Build:
    unknown = Unknown(reason=reason, candidates=candidates)
    return msgspec.structs.replace(build(None, day, name="sparse"), unknown=unknown)


def _hostile(folder: Path) -> None:
    """What an upstream may say of itself: versions and packages are words, all else is any text."""
    builds = []
    at = datetime(2025, 1, 1, tzinfo=UTC)
    for number, text in enumerate((*HOSTILE, *LINES)):
        word, is_unknown = text if text in HOSTILE and " " not in text else "1.0", not _is_version(text)
        made = build("1.0", (at + timedelta(days=number)).isoformat(), name="hostile", type_="rpm")
        signed = Sbom(kind="referrer", format="spdx", digest=digest(number), verified=True, identity=text)
        made = msgspec.structs.replace(
            made,
            digest=digest("hostile", number),
            version=None if is_unknown else text,
            purl=None if is_unknown else f"pkg:rpm/hostile@{number}",
            media_type=text,
            platforms={text: digest("platform", number)},
            sbom=signed,
            unknown=Unknown(reason=text, candidates=(text, "b")) if is_unknown else None,
        )
        package = PackageURL("apk", "wolfi", word[:150], word[:150]).to_string().removeprefix("pkg:")
        builds.append((made, frozenset({package, f"apk/wolfi/same@{number}"})))
    _write(folder, "hostile", builds, {"1.0-r0": ""})


def _is_version(text: str) -> bool:
    try:
        return bool(Version("rpm", text))
    except ValueError:
        return False


def _history() -> Iterator[tuple[Build, list[str]]]:
    """Three years on two tracks: releases, rebuilds, packages that come, change and go."""
    chance = random.Random(5)
    at, versions = datetime(2022, 11, 3, 2, 10, tzinfo=UTC), _versions(chance)
    packages = {f"lib{number:02}": 1 for number in range(30)}
    version = next(versions)
    for number in range(LONG // 2):
        at += timedelta(hours=chance.randint(60, 320))
        version = version if chance.random() < 0.45 else next(versions)
        for name in chance.sample(sorted(packages), chance.choice([0, 1, 3, 14])):
            packages[name] += 1
        if chance.random() < 0.2:
            packages[f"new{number:03}"] = 1
        if chance.random() < 0.2:
            packages.pop(chance.choice(sorted(packages)))
        contents = [f"apk/wolfi/{name}@{release}.0-r{release % 3}" for name, release in packages.items()]
        for track, later in (("latest", 0), ("latest-dev", 2)):
            moment = at + timedelta(minutes=later)
            made = build(version, at.isoformat(), name="history", track=track)
            yield msgspec.structs.replace(made, digest=digest(number, track), created=moment, seen=moment), contents


def _versions(chance: random.Random) -> Iterator[str]:
    minor, patch, revision = 18, 0, 0
    while True:
        yield f"1.{minor}.{patch}-r{revision}"
        step = chance.random()
        if step < 0.12:
            minor, patch, revision = minor + 1, 0, 0
        elif step < 0.6:
            patch, revision = patch + 1, 0
        else:
            revision += 1
