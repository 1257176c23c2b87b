"""Opening attestations as a refresh does, and the trusted roots to do it with."""

import base64
import hashlib
import json
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from generator.trust.policy import Attestation, Identity, Signed, Trust
from generator.trust.verifier import Verifiers
from tests.upstream.oci import Content, Document
from tests.upstream.sigstore import IDENTITY, ISSUER

VECTORS = Path(__file__).parent / "vectors"
TRUSTED = Identity(ISSUER, IDENTITY)


def opened(content: Content, root: Path | None, trust: Trust = TRUSTED, steps: list[str] | None = None) -> Signed:
    """Raises SignatureError. A key's file is named by its whole path."""
    attestation = Attestation(content.media_type, content.data, content.annotations)
    return Verifiers(Path("/"), root).of(trust).open(attestation, [] if steps is None else steps)


def root_of_pem(rekor: Path, ctfe: Path, fulcio: Path) -> Document:
    """A trusted root of logs and an authority that come as separate files."""
    authority = x509.load_pem_x509_certificate(fulcio.read_bytes()).public_bytes(serialization.Encoding.DER)
    return {
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [_log(rekor)],
        "ctlogs": [_log(ctfe)],
        "certificateAuthorities": [
            {
                "subject": {"organization": "a test cluster", "commonName": "fulcio"},
                "certChain": {"certificates": [{"rawBytes": base64.b64encode(authority).decode()}]},
                "validFor": {"start": "2026-01-01T00:00:00Z"},
            }
        ],
    }


def _log(pem: Path) -> Document:
    public = serialization.load_pem_public_key(pem.read_bytes())
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return {
        "baseUrl": "https://log.invalid",
        "hashAlgorithm": "SHA2_256",
        "publicKey": {"rawBytes": base64.b64encode(der).decode(), "keyDetails": "PKIX_ECDSA_P256_SHA_256"},
        "logId": {"keyId": base64.b64encode(hashlib.sha256(der).digest()).decode()},
    }


def write(path: Path, document: Document) -> Path:
    path.write_text(json.dumps(document))
    return path
