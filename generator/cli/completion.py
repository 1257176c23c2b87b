"""What a shell offers where an image or a tag is to be named."""

from pathlib import Path
from typing import Any

from generator import images
from generator.errors import ReverseRegistryError
from generator.query.library import Library


def complete_image(ctx: Any, incomplete: str) -> list[str]:
    """Names of images.toml."""
    try:
        known = images.load(_folder(ctx) / "images.toml").images
    except ReverseRegistryError:
        return []
    return [name for name in known if name.startswith(incomplete)]


def complete_tag(ctx: Any, incomplete: str) -> list[str]:
    """`IMAGE:TAG`: names, and behind a colon the tags of the image."""
    name, colon, _ = incomplete.partition(":")
    if not colon:
        return [f"{each}:" for each in complete_image(ctx, incomplete)]
    try:
        index = Library(_folder(ctx)).image(name)
    except ReverseRegistryError:
        return []
    tags = sorted({*index.tracks, *index.tags}, key=lambda tag: (len(tag), tag))
    return [each for tag in tags if (each := f"{name}:{tag}").startswith(incomplete)]


def _folder(ctx: Any) -> Path:
    return Path(ctx.params.get("index") or "index")
