"""An index that no upstream has: a long history, hostile text, names like reserved paths, and what has nothing yet."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from generator.record.index import Build
from tests.query.made import Made, build, digest

LONG = 260
"""Builds of the image with the long history."""

RESERVED = ("feed.atom", "healthz", "index/index.json", "nginx/feed.atom", "v2", "v2/nginx")

HOSTILE = {
    "markup": "1.0<script>alert(1)</script>",
    "attribute": "1.1\" onmouseover=\"alert(1)' x='",
    "entity": "1.2&lt;b&gt;&#x3c;b&#x3e;",
    "template": "1.3{{ 7 * 7 }}{% raw %}${7*7}`id`",
    "lines": "1.4\r\nSet-Cookie: x=1\n\n\x0b\x0c",
    "control": "1.5\x00\x07\x1b[31mred\x7f\x85\ufffe",
    "bidi": "1.6\u202e0.1\u2066\u200f\u061c",
    "hebrew": "1.7\u05d0\u05d1\u05d2",
    "long": "1.8" + "x" * 10_000,
    "cdata": "1.9]]><!--><!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>&e;",
    "digits": "9" * 5000,
    "joined": "1.10\u200b\u00a0\ufeff\u2028\u00ad",
}


def synthetic(folder: Path) -> Path:
    made = Made(folder)
    made.image("history", list(_history()))
    made.image("sparse", [(build(None, "2025-01-01", name="sparse"), None)])
    images = {name: _summary(folder, name) for name in ("history", "sparse")}
    for name in RESERVED:
        images[name] = _write(folder, name, [_hand("1.0-r0", 1)], {"1.0-r0": digest("hand", 1)}, [])
    images["hostile"] = _hostile(folder)
    images["waiting"] = {"repository": "cgr.dev/chainguard/waiting", "refreshed": False}
    catalogue(folder, images)
    return folder


def catalogue(folder: Path, images: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    document = {"schema": 1, "upstream": "cgr.dev/chainguard", "images": images}
    (folder / "index.json").write_text(json.dumps(document))
    (folder / "schema.json").write_text("{}")
    return folder


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


def _hostile(folder: Path) -> dict[str, Any]:
    builds = [_hand(version, number) for number, version in enumerate(HOSTILE.values())]
    for each, version in zip(builds, HOSTILE.values(), strict=True):
        each["platforms"] = {f"linux/{version}": each["digest"]}
        each["sbom"] = {"kind": version, "format": version, "verified": False}
    changes = [
        {
            "track": "latest",
            "digest": each["digest"],
            "added": [f"apk/wolfi/{name}{version}@{version}" for name in ("a", "b") for version in HOSTILE.values()],
            "removed": [f"apk/wolfi/a{version}@0" for version in HOSTILE.values()],
        }
        for each in builds
    ]
    return _write(folder, "hostile", builds, {"1.0-r0": builds[0]["digest"]}, changes, package=HOSTILE["markup"])


def _hand(version: str, number: int) -> dict[str, Any]:
    seen = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=number)
    return {
        "digest": digest("hand", number),
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "size": 795,
        "track": "latest",
        "version": version,
        "created": seen.isoformat(),
        "seen": seen.isoformat(),
    }


def _write(
    folder: Path, name: str, builds: list[Any], tags: dict[str, str], changes: list[Any], package: str | None = None
) -> dict[str, Any]:
    repository = f"cgr.dev/chainguard/{name}"
    image = {"schema": 1, "name": name, "repository": repository, "auth": None, "package": package}
    image |= {"tracks": {"latest": {"digest": builds[-1]["digest"]}}, "tags": tags, "builds": builds}
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "index.json").write_text(json.dumps(image))
    (folder / name / "packages.json").write_text(json.dumps({"schema": 1, "name": name, "builds": changes}))
    return _summary(folder, name)


def _summary(folder: Path, name: str) -> dict[str, Any]:
    image = json.loads((folder / name / "index.json").read_text())
    newest = [each for each in image["builds"] if each["track"] == "latest"][-1]
    return {
        "repository": image["repository"],
        "refreshed": True,
        "package": image["package"],
        "version": newest["version"],
        "digest": newest["digest"],
        "created": newest["created"],
        "builds": len(image["builds"]),
        "tags": len(image["tags"]),
    }
