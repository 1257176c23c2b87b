"""Attestations that were signed by somebody's own key."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa

from generator.errors import ConfigurationError
from generator.trust.policy import PublicKey, SignatureError
from tests.trust.opening import TRUSTED, opened
from tests.upstream.attestation import DSSE, IN_TOTO, statement
from tests.upstream.oci import blob, serialise
from tests.upstream.sigstore import (
    BUNDLE,
    BUNDLE_V1,
    Signature,
    Sigstore,
    key,
    pae,
    sign_with_key,
)

ABOUT = statement("https://spdx.dev/Document", {"spdxVersion": "SPDX-2.3"}, f"sha256:{'a' * 64}")
PAYLOAD = serialise(ABOUT)
RSA = rsa.generate_private_key(65537, 2048)

Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


@pytest.fixture
def trust(tmp_path: Path) -> Callable[[Private], PublicKey]:
    """Trust in a key, whose file is written."""

    def write(private: Private) -> PublicKey:
        file = tmp_path / f"{len(list(tmp_path.iterdir()))}.pub"
        file.write_bytes(pem(private))
        return PublicKey(str(file))

    return write


@pytest.fixture
def mine(trust: Callable[[Private], PublicKey]) -> PublicKey:
    return trust(key("mine"))


def pem(private: Private) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return private.public_key().public_bytes(serialization.Encoding.PEM, form)


def curve(kind: ec.EllipticCurve, algorithm: hashes.HashAlgorithm) -> tuple[Private, Callable[[bytes], bytes]]:
    private = ec.generate_private_key(kind)
    return private, lambda data: private.sign(data, ec.ECDSA(algorithm))


ED25519 = ed25519.Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
SCHEMES: dict[str, tuple[Private, Callable[[bytes], bytes]]] = {
    "P-256": curve(ec.SECP256R1(), hashes.SHA256()),
    "P-384": curve(ec.SECP384R1(), hashes.SHA384()),
    "P-384, as cosign": curve(ec.SECP384R1(), hashes.SHA256()),
    "P-521": curve(ec.SECP521R1(), hashes.SHA512()),
    "Ed25519": (ED25519, ED25519.sign),
    "RSA": (RSA, lambda data: RSA.sign(data, padding.PKCS1v15(), hashes.SHA256())),
    "RSA-PSS": (RSA, lambda data: RSA.sign(data, PSS, hashes.SHA256())),
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_key_of_each_kind_opens_what_it_signed(scheme: str, trust: Callable[[Private], PublicKey]) -> None:
    private, sign = SCHEMES[scheme]
    signed = opened(Signature(PAYLOAD, sign(pae(PAYLOAD))).layer(), None, trust(private))
    assert (signed.payload, signed.payload_type) == (PAYLOAD, IN_TOTO)
    assert signed.signer.identity.startswith("key:sha256:")
    assert signed.signer.issuer == ""


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_key_of_no_kind_opens_what_another_signed_or_other_content(
    scheme: str, trust: Callable[[Private], PublicKey], mine: PublicKey
) -> None:
    private, sign = SCHEMES[scheme]
    layer = Signature(PAYLOAD, sign(pae(PAYLOAD))).layer()
    changed = Signature(PAYLOAD + b" ", sign(pae(PAYLOAD))).layer()
    for content, trusted in ((layer, mine), (changed, trust(private))):
        with pytest.raises(SignatureError, match=r"not signed by the key .*\.pub, or the payload changed"):
            opened(content, None, trusted)


def test_a_bundle_signed_by_a_key_needs_no_log(mine: PublicKey) -> None:
    signature = sign_with_key(ABOUT, key("mine"))
    for media_type in (BUNDLE, BUNDLE_V1):
        assert opened(signature.bundle(media_type), None, mine).payload == PAYLOAD


def test_a_certificate_does_not_stand_in_for_the_key(mine: PublicKey) -> None:
    keyless = Sigstore().sign(ABOUT, at=datetime(2026, 2, 18, tzinfo=UTC))
    for content in (keyless.layer(), keyless.bundle()):
        with pytest.raises(SignatureError, match="not signed by the key"):
            opened(content, None, mine)


def test_a_key_does_not_stand_in_for_an_identity(root: Path) -> None:
    signature = sign_with_key(ABOUT, key("mine"))
    for content in (signature.layer(), signature.bundle()):
        with pytest.raises(SignatureError, match="signed by a key, not by a certificate"):
            opened(content, root, TRUSTED)


def test_one_of_several_signatures_is_enough(mine: PublicKey) -> None:
    ours, theirs = (sign_with_key(ABOUT, key(name)).envelope["signatures"] for name in ("mine", "theirs"))
    envelope = sign_with_key(ABOUT, key("mine")).envelope
    layer = blob(envelope | {"signatures": [*theirs, *ours]}, DSSE)
    assert opened(layer, None, mine).payload == PAYLOAD
    with pytest.raises(SignatureError, match="17 signatures, more than 16"):
        opened(replace(layer, data=serialise(envelope | {"signatures": theirs * 17})), None, mine)


def test_either_alphabet_of_base64_is_read(mine: PublicKey) -> None:
    document = statement("https://spdx.dev/Document", {"name": "\u00ff\u00fe?>~~~"}, "sha256:0")
    envelope = sign_with_key(document, key("mine")).envelope
    urlsafe = envelope | {"payload": envelope["payload"].replace("+", "-").replace("/", "_")}
    assert urlsafe != envelope
    assert opened(blob(urlsafe, DSSE), None, mine).payload == serialise(document)


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        (b"", "no public key in PEM"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no public key in PEM"),
        (pem(rsa.generate_private_key(65537, 1024)), "RSA of 2048 bits or more"),
        (pem(ec.generate_private_key(ec.SECP192R1())), "neither ECDSA over P-256"),
        (
            dsa.generate_private_key(1024)
            .public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
            "neither ECDSA",
        ),
    ],
    ids=["empty", "not a key", "short RSA", "small curve", "DSA"],
)
def test_a_file_that_holds_no_key_to_trust_is_refused(pem: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / "cosign.pub").write_bytes(pem)
    with pytest.raises(ConfigurationError, match=rf"cosign\.pub: .*{why}"):
        opened(sign_with_key(ABOUT, key("mine")).layer(), None, PublicKey(str(tmp_path / "cosign.pub")))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cosign\.pub: cannot be read: No such file"):
        opened(sign_with_key(ABOUT, key("mine")).layer(), None, PublicKey(str(tmp_path / "cosign.pub")))
