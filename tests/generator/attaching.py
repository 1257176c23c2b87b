"""Small images, every way in which registries attach documents to one, and what the generator learns of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from generator.images import Image
from generator.reference import Repository
from generator.refresh.learn import Learned, learn
from generator.refresh.observe import BuildReference
from generator.upstream import Client, Connections, Limits
from tests.generator.conftest import QUICK
from tests.upstream import Content, ExampleUpstream, Package, blob, index, manifest, spdx
from tests.upstream.attestation import (
    IMAGE_CONFIGURATION,
    IN_TOTO,
    PROVENANCE,
    attached,
    attestation_tag,
    envelope,
    image_configuration,
    provenance,
    statement,
)
from tests.upstream.oci import CONFIG, LAYER, Document
from tests.upstream.sbom import SPDX

CREATED = "2026-01-02T03:04:05Z"
SEEN = datetime(2026, 1, 2, 4, tzinfo=UTC)
CYCLONEDX = "https://cyclonedx.org/bom"
SPDX_JSON = "application/spdx+json"
CYCLONEDX_JSON = "application/vnd.cyclonedx+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
EMPTY = blob({}, "application/vnd.oci.empty.v1+json")
PACKAGES = (Package("demo", "1.2.3-r4"), Package("glibc", "2.41-r0"))


@dataclass(frozen=True)
class ExampleImage:
    """An image of one platform or several under an index. `extra` goes into the index beside the platforms."""

    architectures: tuple[str, ...] = ("amd64", "arm64")
    labels: Mapping[str, str] = field(default_factory=dict)
    created: str | None = CREATED
    is_indexed: bool = True

    def child(self, architecture: str = "amd64") -> Content:
        config = {
            "os": "linux",
            "architecture": architecture,
            "created": self.created,
            "config": {"Labels": dict(self.labels)},
        }
        platform = {"os": "linux", "architecture": architecture}
        return manifest(blob(config, CONFIG), [blob(b"layer", LAYER)], platform=platform)

    def top(self, *extra: Content) -> Content:
        if not self.is_indexed:
            return self.child()
        annotations = {"org.opencontainers.image.created": self.created} if self.created else {}
        return index([*map(self.child, self.architectures), *extra], annotations)


def spdx_of(packages: Iterable[Package] = PACKAGES, *, architecture: str = "amd64", about: str = "") -> Document:
    """It says which image it describes only where `about` names one."""
    digest = f"sha256:{'0' * 64}"
    document = spdx(packages, name="demo", architecture=architecture, image=about or digest, layer=digest)
    if not about:
        del document["packages"][0]["externalRefs"]
    return document


def cyclonedx_of(packages: Iterable[Package] = PACKAGES) -> Document:
    """Each package nested in the one before it; the operating system is no package."""
    components: list[Document] = []
    for package in reversed(tuple(packages)):
        purl = package.purl("amd64")
        components = [{"type": "library", "name": package.name, "purl": purl, "components": components}]
    system = {"type": "operating-system", "name": "wolfi", "version": "1"}
    return {"bomFormat": "CycloneDX", "specVersion": "1.5", "components": [system, *components]}


def apko_of(packages: Iterable[Package] = PACKAGES) -> Document:
    return image_configuration(packages, architecture="amd64", entrypoint="/bin/demo")


FORMATS: Mapping[str, tuple[str, Callable[[Iterable[Package]], Document]]] = {
    "spdx": (SPDX, spdx_of),
    "cyclonedx": (CYCLONEDX, cyclonedx_of),
    "apko": (IMAGE_CONFIGURATION, apko_of),
    "slsa": (PROVENANCE, provenance),
}


@dataclass(frozen=True)
class Demo:
    """One repository of the example upstream."""

    upstream: ExampleUpstream
    name: str

    @property
    def repository(self) -> str:
        return self.upstream.repository(self.name)

    def push(self, content: Content, *tags: str) -> str:
        return self.upstream.store(self.name).push(content, *tags)

    def att(self, subject: str, *attestations: Content) -> None:
        """cosign attest."""
        self.push(attached(attestations), attestation_tag(subject))

    def sbom(self, subject: str, document: Document, media_type: str) -> None:
        """cosign attach sbom."""
        self.push(attached([blob(document, media_type)]), attestation_tag(subject).replace(".att", ".sbom"))

    def refer(self, subject: Content, layers: Sequence[Content], type_: str, **annotations: str) -> Content:
        """A referrer, found by the API."""
        referrer = manifest(EMPTY, layers, artifact_type=type_, subject=subject, annotations=annotations)
        self.push(referrer)
        return replace(referrer, annotations=annotations)

    def fall_back(self, subject: Content, *referrers: Content) -> None:
        """The tag where referrers are listed if the registry has no API for them."""
        self.push(index(referrers), subject.digest.replace(":", "-"))

    def learned(
        self,
        top: Content,
        *,
        package: str | None = None,
        version_label: str | None = None,
        limits: Limits = QUICK,
        name: str = "demo",
    ) -> Learned:
        digest = self.push(top, "latest")
        repository = Repository.parse(self.repository)
        with Connections(4) as connections:
            client = Client(repository, connections, limits)
            client.head("latest")
            self.upstream.requests.clear()
            result = learn(
                client, Image(name, repository, package, version_label), BuildReference("latest", digest, SEEN)
            )
        assert result is not None
        return result

    def downloads(self) -> int:
        """How many blobs were downloaded since the build was first asked for."""
        return self.upstream.requests.count(side="cdn", status=200)


def bundle(predicate_type: str, predicate: Document, subject: str) -> Content:
    """A sigstore bundle v0.3 around the attestation."""
    document = {"mediaType": BUNDLE, "dsseEnvelope": envelope(statement(predicate_type, predicate, subject))}
    return blob(document, BUNDLE)


def in_toto(predicate_type: str, predicate: Document, subject: str, **annotations: str) -> Content:
    """A bare statement, as BuildKit stores it."""
    return blob(statement(predicate_type, predicate, subject, version="v1"), IN_TOTO, annotations)


def buildkit(subject: str, *layers: Content) -> Content:
    """BuildKit's attestation manifest for an image index."""
    annotations = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": subject}
    platform = {"os": "unknown", "architecture": "unknown"}
    return replace(manifest(blob({"os": "unknown"}, CONFIG), layers), annotations=annotations, platform=platform)


def unlabelled(content: Content) -> Content:
    """An attestation whose annotations say nothing."""
    return replace(content, annotations={})


def spdx_with(*purls: str) -> Document:
    """Our packages, and others by their package URLs."""
    document = spdx_of()
    for number, purl in enumerate(purls):
        reference = {"referenceCategory": "PACKAGE-MANAGER", "referenceLocator": purl, "referenceType": "purl"}
        document["packages"].append({"SPDXID": f"SPDXRef-{number}", "name": "x", "externalRefs": [reference]})
    return document


def spdx_layer(subject: str, *packages: Package) -> Content:
    """An SBOM as BuildKit attaches it."""
    return in_toto(SPDX, spdx_of(packages), subject, **{"in-toto.io/predicate-type": SPDX})


def unclear(learned: Learned) -> str:
    """Why the version is unknown, which it has to be."""
    assert learned.build.version is None
    assert learned.build.unknown
    return learned.build.unknown.reason
