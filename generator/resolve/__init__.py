"""From a build's manifests and attachments to the version of its main package."""

from generator.package.purl import Package
from generator.resolve.resolution import Resolution, resolve, unknown
from generator.resolve.snapshot import Snapshot

__all__ = ["Package", "Resolution", "Snapshot", "resolve", "unknown"]
