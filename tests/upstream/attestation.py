"""Attestations as cosign attaches them: DSSE envelopes in a manifest under the tag `sha256-<hex>.att`."""

import base64
from collections.abc import Callable, Iterable, Sequence

from tests.upstream.oci import CONFIG, Content, Document, blob, manifest, serialise
from tests.upstream.sbom import APK_ARCHITECTURES, Package

DSSE = "application/vnd.dsse.envelope.v1+json"
IN_TOTO = "application/vnd.in-toto+json"
PROVENANCE = "https://slsa.dev/provenance/v1"
IMAGE_CONFIGURATION = "https://apko.dev/image-configuration"
NOT_A_SIGNATURE = base64.b64encode(b"not a signature: an example of reverse-registry's tests").decode()


def statement(
    predicate_type: str, predicate: Document, subject: str, *, name: str = "example", version: str = "v0.1"
) -> Document:
    """An in-toto statement about the digest `subject`."""
    algorithm, _, encoded = subject.partition(":")
    return {
        "_type": f"https://in-toto.io/Statement/{version}",
        "predicateType": predicate_type,
        "subject": [{"name": name, "digest": {algorithm: encoded}}],
        "predicate": predicate,
    }


def envelope(document: Document) -> Document:
    """A DSSE envelope around a statement; its signature is a placeholder that verifies nowhere."""
    return {
        "payloadType": IN_TOTO,
        "payload": base64.b64encode(serialise(document)).decode(),
        "signatures": [{"keyid": "", "sig": NOT_A_SIGNATURE}],
    }


def unsigned(about: Document, predicate_type: str) -> Content:
    """A layer for `attached`, with a placeholder for a signature."""
    annotations = {"dev.cosignproject.cosign/signature": "", "predicateType": predicate_type}
    return blob(envelope(about), DSSE, annotations)


# What makes a layer of a statement and its predicate's type.
Attest = Callable[[Document, str], Content]


def attestation(
    predicate_type: str,
    predicate: Document,
    subject: str,
    *,
    name: str = "example",
    version: str = "v0.1",
    attest: Attest = unsigned,
) -> Content:
    """A layer for `attached`: a statement about the digest `subject`, in an envelope."""
    return attest(statement(predicate_type, predicate, subject, name=name, version=version), predicate_type)


def attached(attestations: Sequence[Content]) -> Content:
    """The manifest that holds the attestations, with the odd image config that cosign gives it."""
    config: Document = {
        "architecture": "",
        "created": "0001-01-01T00:00:00Z",
        "history": [{"created": "0001-01-01T00:00:00Z"} for _ in attestations],
        "os": "",
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in attestations]},
        "config": {},
    }
    return manifest(blob(config, CONFIG), attestations)


def attestation_tag(subject: str) -> str:
    return f"{subject.replace(':', '-')}.att"


def image_configuration(packages: Iterable[Package], *, architecture: str, entrypoint: str) -> Document:
    """The locked apko configuration of one platform."""
    return {
        "contents": {"packages": sorted(f"{package.name}={package.version}" for package in packages)},
        "entrypoint": {"command": entrypoint},
        "accounts": {"run-as": "65532", "users": [{"username": "nonroot", "uid": 65532, "gid": 65532}]},
        "archs": [APK_ARCHITECTURES[architecture]],
    }


def provenance(packages: Iterable[Package]) -> Document:
    """SLSA provenance as terraform-provider-apko writes it: internal parameters are the resolved packages."""
    return {
        "buildDefinition": {
            "buildType": "https://apko.dev/slsa-build-type@v1",
            "internalParameters": {package.name: package.version for package in packages},
        },
        "runDetails": {
            "builder": {"id": "https://github.com/chainguard-dev/terraform-provider-apko"},
            "metadata": {"invocationId": "example"},
        },
    }
