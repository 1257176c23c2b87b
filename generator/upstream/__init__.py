"""Reading one repository of an OCI registry: manifests, blobs, tag history."""

from generator.upstream.client import Client, Limits
from generator.upstream.connections import Connections
from generator.upstream.history import Sighting
from generator.upstream.manifest import Descriptor, ImageConfig, Manifest

__all__ = ["Client", "Connections", "Descriptor", "ImageConfig", "Limits", "Manifest", "Sighting"]
