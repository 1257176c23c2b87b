"""`images.toml`: which images to index, from where and how."""

from generator.images.file import UPSTREAM, Images, load, parse
from generator.images.image import ADDRESS, TRACKS, Image

__all__ = ["ADDRESS", "TRACKS", "UPSTREAM", "Image", "Images", "load", "parse"]
