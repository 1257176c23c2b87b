"""A build of an image: two platforms, and what is attested of each."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from tests.upstream import elf
from tests.upstream.attestation import (
    IMAGE_CONFIGURATION,
    PROVENANCE,
    Attest,
    attached,
    attestation,
    attestation_tag,
    image_configuration,
    provenance,
    unsigned,
)
from tests.upstream.layer import File, Layer, layer
from tests.upstream.oci import CONFIG, Content, Document, blob, index, manifest
from tests.upstream.sbom import APK_ARCHITECTURES, SPDX, Package, spdx

ARCHITECTURES = ("amd64", "arm64")
OS_RELEASE = """\
ID=wolfi
NAME="Wolfi"
PRETTY_NAME="Wolfi (an example image of reverse-registry)"
VERSION_ID="20230201"
"""
ACCOUNTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnonroot:x:65532:65532::/home/nonroot:/bin/sh\n",
    "etc/group": "root:x:0:\nnonroot:x:65532:\n",
}


def installed_database(packages: Iterable[Package], architecture: str) -> str:
    """`/lib/apk/db/installed`: what apk itself says is installed."""
    entries = (
        f"P:{package.name}\nV:{package.version}\nA:{APK_ARCHITECTURES[architecture]}\n"
        f"L:{package.licence}\no:{package.recipe}\nc:{package.commit}\n\n"
        for package in packages
    )
    return "".join(entries)


@dataclass(frozen=True)
class Build:
    """What one run of an image's pipeline makes: an image index of two platforms, and their attestations.

    `version` is what the program prints; the SBOM says what `packages` says. `label` is the config's
    `dev.chainguard.package.main`, which on many images is empty. `attest` is who signs, as `Sigstore.attest` does.
    """

    image: str
    version: str
    created: datetime
    packages: tuple[Package, ...]
    label: str = ""
    attest: Attest = unsigned

    @property
    def command(self) -> str:
        return f"/usr/bin/{self.image}"

    @property
    def message(self) -> str:
        return f"{self.image} {self.version} (an example image of reverse-registry)\n"

    @property
    def published(self) -> datetime:
        """When a pipeline would have pushed it, where nothing else is said."""
        return self.created + timedelta(minutes=14, milliseconds=312)

    @property
    def created_text(self) -> str:
        return self.created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    @property
    def annotations(self) -> dict[str, str]:
        return {
            "org.opencontainers.image.created": self.created_text,
            "org.opencontainers.image.title": self.image,
            "org.opencontainers.image.vendor": "Example upstream of reverse-registry",
        }

    def layer(self, architecture: str) -> Layer:
        program = elf.program(architecture, self.message)
        texts = ACCOUNTS | {
            "etc/os-release": OS_RELEASE,
            "lib/apk/db/installed": installed_database(self.packages, architecture),
        }
        files = {path: File(text.encode()) for path, text in texts.items()}
        return layer(files | {self.command.lstrip("/"): File(program, 0o755)})

    def config(self, architecture: str, layer: Layer) -> Document:
        return {
            "created": self.created_text,
            "author": "github.com/chainguard-dev/apko",
            "architecture": architecture,
            "os": "linux",
            "config": {
                "Env": [
                    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
                ],
                "Entrypoint": [self.command],
                "Labels": {"dev.chainguard.package.main": self.label, **self.annotations},
                "User": "65532",
            },
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]},
            "history": [{"created": self.created_text, "created_by": "apko", "comment": "an example"}],
        }

    def platform(self, architecture: str) -> tuple[Content, Content]:
        """One platform: its manifest, and the manifest of its attestations."""
        content = self.layer(architecture)
        image = manifest(
            blob(self.config(architecture, content), CONFIG),
            [content.content],
            annotations=self.annotations,
            platform={"architecture": architecture, "os": "linux"},
        )
        document = spdx(
            self.packages,
            name=self.image,
            architecture=architecture,
            image=image.digest,
            layer=content.content.digest,
            created=self.created_text,
        )
        configuration = image_configuration(self.packages, architecture=architecture, entrypoint=self.command)
        return image, attached(
            [
                self._attestation(SPDX, document, image),
                self._attestation(IMAGE_CONFIGURATION, configuration, image),
                # cosign still writes v0.1 of the statement, other attesters v1: readers meet both.
                self._attestation(PROVENANCE, provenance(self.packages), image, version="v1"),
            ]
        )

    def _attestation(self, type_: str, predicate: Document, image: Content, *, version: str = "v0.1") -> Content:
        return attestation(type_, predicate, image.digest, name=self.image, version=version, attest=self.attest)

    @cached_property
    def platforms(self) -> tuple[tuple[Content, Content], ...]:
        return tuple(self.platform(architecture) for architecture in ARCHITECTURES)

    @cached_property
    def index(self) -> Content:
        return index([image for image, _ in self.platforms], self.annotations)

    @property
    def digest(self) -> str:
        return self.index.digest

    @property
    def attestations(self) -> dict[str, Content]:
        """By tag: the attestations of each platform's manifest."""
        return {attestation_tag(image.digest): attestations for image, attestations in self.platforms}
