"""Reading one repository of an OCI registry: manifests, blobs, tag history."""

from generator.upstream.challenge import Realm
from generator.upstream.client import Client
from generator.upstream.credentials import Credentials, CredentialStore
from generator.upstream.history import Sighting
from generator.upstream.limits import Limits
from generator.upstream.manifest import Descriptor, ImageConfig, Manifest
from generator.upstream.transport import Connections

__all__ = [
    "Client",
    "Connections",
    "CredentialStore",
    "Credentials",
    "Descriptor",
    "ImageConfig",
    "Limits",
    "Manifest",
    "Realm",
    "Sighting",
]
