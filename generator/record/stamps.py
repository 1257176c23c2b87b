"""`refreshed.json`: what the files of each image were last made from, by which a refresh sees that nothing is new.

A stamp is a digest of an image's index.json, of its settings in images.toml, of its entry in the catalogue, and of the
program that makes tags and pages of them. Where it is still the same, they need not be made again; where it is not, or
lost, they are.
"""

from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from generator.images import Image
from generator.record.index import Summary

FILE = "refreshed.json"

_PACKAGE = Path(__file__).parent.parent
_MAKERS = ("package", "record", "refresh", "render", "resolve")
_LIBRARIES = ("jinja2", "packageurl-python", "univers")
_LENGTH = 16


class Stamps(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`refreshed.json` itself: a line for each image, so that two refreshes of different images can be merged.

    `program` is the digest of what made the stamps: another one makes others of the same files. `absent` are the images
    that the upstream did not have at the last refresh, `refused` the documents of each image that gave nothing.
    """

    program: str = ""
    images: dict[str, str]
    absent: tuple[str, ...] = ()
    refused: dict[str, tuple[Annotated[str, Meta(pattern="^[0-9a-f]{16}$")], ...]] = {}


def source_stamp(image: Image, data: bytes) -> str:
    """Of what an image's files are made from; `data` is its index.json."""
    constraint = image.constraint.pattern if image.constraint else None
    settings = msgspec.json.encode(
        (
            str(image.repository),
            image.package,
            image.version_label,
            image.tracks,
            constraint,
            image.frozen,
            image.private,
            image.address,
            str(image.trust) if image.trust else None,
        )
    )
    return digest(program().encode() + settings + data)


def stamp(source: str, summary: Summary) -> str:
    """What refreshed.json holds: the stamp of what an image was made from, and of its entry in the catalogue."""
    return digest(source.encode() + msgspec.json.encode(summary))


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()[:_LENGTH]


@cache
def program() -> str:
    """A digest of the code, the templates and the versions of the libraries that decide on tags and pages."""
    made = sha256(" ".join(version(library) for library in _LIBRARIES).encode())
    for maker in _MAKERS:
        start = _PACKAGE / maker
        for path in sorted(start.rglob("*.*")) if start.is_dir() else [start]:
            if path.suffix in {".py", ".j2"}:
                made.update(path.read_bytes())
    return made.hexdigest()[:_LENGTH]
