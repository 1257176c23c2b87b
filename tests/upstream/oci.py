"""Blobs, manifests and indexes, as contents that know the contents they name."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

Document = dict[str, Any]


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def serialise(document: Document) -> bytes:
    """JSON in one fixed form: keys as given, no white space."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True)
class Content:
    """Bytes of a registry, with what a descriptor of them says besides digest and size.

    Pushing a content pushes its children first.
    """

    media_type: str
    data: bytes
    children: tuple["Content", ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    platform: Mapping[str, str] = field(default_factory=dict)
    artifact_type: str = ""

    @cached_property
    def digest(self) -> str:
        return sha256(self.data)

    @property
    def is_manifest(self) -> bool:
        return self.media_type in (INDEX, MANIFEST, DOCKER_LIST, DOCKER_MANIFEST)

    @property
    def document(self) -> Document:
        document: Document = json.loads(self.data)
        return document

    def descriptor(self) -> Document:
        """OCI image specification, "Content Descriptors"."""
        descriptor: Document = {"mediaType": self.media_type, "size": len(self.data), "digest": self.digest}
        if self.annotations:
            descriptor["annotations"] = dict(self.annotations)
        if self.platform:
            descriptor["platform"] = dict(self.platform)
        if self.artifact_type:
            descriptor["artifactType"] = self.artifact_type
        return descriptor


def blob(data: bytes | Document, media_type: str, annotations: Mapping[str, str] | None = None) -> Content:
    return Content(media_type, data if isinstance(data, bytes) else serialise(data), annotations=annotations or {})


def manifest(
    config: Content,
    layers: Sequence[Content],
    *,
    annotations: Mapping[str, str] | None = None,
    platform: Mapping[str, str] | None = None,
    artifact_type: str = "",
    subject: Content | None = None,
) -> Content:
    """An image or artifact manifest. `platform` is said of it in an index; `subject` makes it a referrer."""
    document: Document = {"schemaVersion": 2, "mediaType": MANIFEST}
    if artifact_type:
        document["artifactType"] = artifact_type
    document["config"] = config.descriptor()
    document["layers"] = [layer.descriptor() for layer in layers]
    if subject:
        document["subject"] = subject.descriptor()
    if annotations:
        document["annotations"] = dict(annotations)
    return Content(
        MANIFEST,
        serialise(document),
        children=(config, *layers),
        platform=platform or {},
        # apko says this of every platform's manifest.
        artifact_type=artifact_type or config.media_type,
    )


def index(manifests: Sequence[Content], annotations: Mapping[str, str] | None = None) -> Content:
    document: Document = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [manifest.descriptor() for manifest in manifests],
    }
    if annotations:
        document["annotations"] = dict(annotations)
    return Content(INDEX, serialise(document), children=tuple(manifests))
