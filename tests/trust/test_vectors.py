"""Signatures that real tools made: each verifies, or fails for its own reason."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from generator.trust.policy import Identity, SignatureError
from tests.trust.opening import VECTORS, opened, root_of_pem, write
from tests.upstream.oci import Content, blob

GITHUB = "https://token.actions.githubusercontent.com"
BEACON = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/"
CLUSTER = Identity(
    "https://kubernetes.default.svc.cluster.local", "https://kubernetes.io/namespaces/default/serviceaccounts/default"
)
BUNDLES = VECTORS / "sigstore-bundles"
LEGACY = VECTORS / "cosign-legacy"

REASONS = {
    "dsse-mismatch-envelope_fail": "the log entry is about another envelope",
    "intoto-expired-certificate_fail": "the certificate was logged .* before it began",
    "intoto-log-entry-mismatch_fail": "the log entry is about another envelope",
    "rekor2-dsse-mismatch-sig_fail": "the log entry is about another envelope",
}


def bundle_of(case: str) -> tuple[Content, Path | None]:
    root = BUNDLES / case / "trusted_root.json"
    data = (BUNDLES / case / "bundle.sigstore.json").read_bytes()
    return blob(data, "application/vnd.dev.sigstore.bundle.v0.3+json"), root if root.exists() else None


@pytest.fixture(scope="module")
def legacy_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    document = root_of_pem(LEGACY / "rekor.pub", LEGACY / "ctfe.pub", LEGACY / "fulcio.pem")
    return write(tmp_path_factory.mktemp("legacy") / "root.json", document)


@pytest.fixture(scope="module")
def legacy() -> Content:
    """The one layer of an attestation manifest as cosign wrote it."""
    layer = json.loads((LEGACY / "att.manifest.json").read_bytes())["layers"][0]
    content = blob((LEGACY / "envelope.json").read_bytes(), layer["mediaType"], layer["annotations"])
    assert content.digest == layer["digest"]
    return content


def test_every_case_is_here() -> None:
    failing = {path.name for path in BUNDLES.iterdir() if path.name.endswith("_fail")}
    assert failing == REASONS.keys()
    assert len(list(BUNDLES.iterdir())) == 7


@pytest.mark.parametrize(
    "case", ["happy-path-intoto-in-dsse-v3", "intoto-with-custom-trust-root", "rekor2-dsse-happy-path"]
)
def test_a_bundle_that_is_right_is_opened(case: str) -> None:
    bundle, root = bundle_of(case)
    signed = opened(bundle, root, Identity(GITHUB, pattern=re.compile(re.escape(BEACON) + r"[^/]+@refs/heads/main")))
    assert signed.signer.identity == f"{BEACON}extremely-dangerous-oidc-beacon.yml@refs/heads/main"
    assert json.loads(signed.payload)["_type"] == "https://in-toto.io/Statement/v1"


@pytest.mark.parametrize("case", sorted(REASONS))
def test_a_bundle_that_is_wrong_is_refused_for_its_own_reason(case: str) -> None:
    bundle, root = bundle_of(case)
    with pytest.raises(SignatureError, match=REASONS[case]):
        opened(bundle, root, Identity(GITHUB, pattern=re.compile(".*")))


def test_cosigns_attestation_is_opened(legacy: Content, legacy_root: Path) -> None:
    steps: list[str] = []
    signed = opened(legacy, legacy_root, CLUSTER, steps)
    assert (signed.signer.identity, signed.signer.issuer) == (CLUSTER.identity, CLUSTER.issuer)
    assert json.loads(signed.payload)["predicateType"] == "https://slsa.dev/provenance/v0.2"
    assert [step.partition(":")[0] for step in steps] == [
        "log",
        "envelope",
        "log",
        "certificate",
        "certificate",
        "identity",
    ]


def test_cosigns_attestation_is_not_of_the_public_sigstore(legacy: Content) -> None:
    with pytest.raises(SignatureError, match="no log of the trusted root signed the entry"):
        opened(legacy, None, CLUSTER)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("dev.sigstore.cosign/bundle", "not in the log"),
        ("dev.sigstore.cosign/certificate", "signed by a key, not by a certificate"),
    ],
)
def test_cosigns_attestation_needs_each_annotation(legacy: Content, legacy_root: Path, name: str, reason: str) -> None:
    annotations = {key: value for key, value in legacy.annotations.items() if key != name}
    with pytest.raises(SignatureError, match=reason):
        opened(replace(legacy, annotations=annotations), legacy_root, CLUSTER)


def test_every_byte_of_cosigns_envelope_counts(legacy: Content, legacy_root: Path) -> None:
    """White space alone keeps the signature, but not what the log says of the envelope."""
    with pytest.raises(SignatureError, match="the log entry is about another envelope"):
        opened(replace(legacy, data=legacy.data + b"\n"), legacy_root, CLUSTER)
