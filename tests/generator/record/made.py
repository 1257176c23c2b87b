"""Settings and indexes of one image, made of builds."""

from dataclasses import replace as replace_image
from datetime import UTC, datetime
from typing import Any

from generator.images import Image
from generator.record.index import Build, ImageIndex, Track
from generator.record.merge import (
    image_index,
)
from generator.reference import Repository

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def image(**settings: Any) -> Image:
    return replace_image(Image("demo", Repository.parse("example.com/demo")), **settings)


def index_of(*builds: Build, **more: Any) -> ImageIndex:
    fields: dict[str, Any] = {"name": "demo", "repository": "example.com/demo", "auth": None, "constraint": None}
    tracks = {each.track: Track(digest=each.digest, since=NOW) for each in builds}
    return image_index(**fields | {"tracks": tracks, "watched": ("latest",), "builds": builds} | more)[0]
