"""Sigstore in miniature: a certificate authority (Fulcio), a certificate log and a transparency log (Rekor).

All keys follow from names, and all signatures are deterministic: the same attestation is the same bytes everywhere.
They sign nothing outside these tests.
"""

import base64
import hashlib
import json
import struct
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Literal

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from tests.upstream.attestation import DSSE, IN_TOTO, Attest
from tests.upstream.oci import Content, Document, blob, serialise

IDENTITY = "https://github.com/example/images/.github/workflows/release.yaml@refs/heads/main"
ISSUER = "https://token.actions.githubusercontent.com"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
BUNDLE_V1 = "application/vnd.dev.sigstore.bundle+json;version=0.1"
BUNDLE_V2 = "application/vnd.dev.sigstore.bundle+json;version=0.2"

Kind = Literal["dsse", "intoto", "intoto-v2", "hashedrekord"]

_BEGAN = datetime(2020, 1, 1, tzinfo=UTC)
_ENDS = datetime(2060, 1, 1, tzinfo=UTC)
_LIFETIME = timedelta(minutes=10)
_VERSIONS: dict[Kind, tuple[str, str]] = {
    "dsse": ("dsse", "0.0.1"),
    "intoto": ("intoto", "0.0.1"),
    "intoto-v2": ("intoto", "0.0.2"),
    "hashedrekord": ("hashedrekord", "0.0.1"),
}


def key(name: str) -> ec.EllipticCurvePrivateKey:
    """The P-256 key of that name."""
    return ec.derive_private_key(int.from_bytes(hashlib.sha256(name.encode()).digest()) >> 1, ec.SECP256R1())


def sign(private: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    return private.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))


def public_der(private: ec.EllipticCurvePrivateKey) -> bytes:
    return private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def public_pem(private: ec.EllipticCurvePrivateKey) -> bytes:
    return private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def pae(payload: bytes, type_: str = IN_TOTO) -> bytes:
    """What DSSE signs."""
    return f"DSSEv1 {len(type_)} {type_} {len(payload)} ".encode() + payload


@dataclass(frozen=True)
class Entry:
    """What the log keeps, and promises to keep (SignedEntryTimestamp)."""

    body: bytes
    time: int
    log_id: bytes
    index: int
    promise: bytes

    @property
    def annotation(self) -> str:
        """As cosign keeps it beside the envelope."""
        payload = {
            "body": encoded(self.body),
            "integratedTime": self.time,
            "logIndex": self.index,
            "logID": self.log_id.hex(),
        }
        return json.dumps({"SignedEntryTimestamp": encoded(self.promise), "Payload": payload})


@dataclass(frozen=True)
class Signature:
    """A signed statement with all that proves it; tests replace single fields."""

    payload: bytes
    sig: bytes
    certificate: x509.Certificate | None = None
    entry: Entry | None = None
    kind: Kind = "dsse"
    proof: Document = field(default_factory=dict)

    @property
    def envelope(self) -> Document:
        return {
            "payloadType": IN_TOTO,
            "payload": encoded(self.payload),
            "signatures": [{"keyid": "", "sig": encoded(self.sig)}],
        }

    def layer(self, predicate_type: str = "") -> Content:
        """For cosign's `.att` manifest."""
        annotations = {"dev.cosignproject.cosign/signature": ""}
        if predicate_type:
            annotations["predicateType"] = predicate_type
        if self.certificate:
            annotations["dev.sigstore.cosign/certificate"] = pem(self.certificate).decode()
        if self.entry:
            annotations["dev.sigstore.cosign/bundle"] = self.entry.annotation
        return blob(self.envelope, DSSE, annotations)

    def bundle(self, media_type: str = BUNDLE) -> Content:
        """For a referrer."""
        material: Document = {"tlogEntries": [self._log_entry] if self.entry else []}
        if self.certificate is None:
            material["publicKey"] = {"hint": "example"}
        elif media_type == BUNDLE:
            material["certificate"] = {"rawBytes": self._der}
        else:
            material["x509CertificateChain"] = {"certificates": [{"rawBytes": self._der}]}
        document = {"mediaType": media_type, "verificationMaterial": material, "dsseEnvelope": self.envelope}
        return blob(document, media_type)

    @property
    def _der(self) -> str:
        assert self.certificate is not None
        return encoded(self.certificate.public_bytes(serialization.Encoding.DER))

    @property
    def _log_entry(self) -> Document:
        assert self.entry is not None
        kind, version = _VERSIONS[self.kind]
        entry: Document = {
            "logIndex": str(self.entry.index),
            "logId": {"keyId": encoded(self.entry.log_id)},
            "kindVersion": {"kind": kind, "version": version},
            "integratedTime": str(self.entry.time),
            "inclusionPromise": {"signedEntryTimestamp": encoded(self.entry.promise)},
            "canonicalizedBody": encoded(self.entry.body),
        }
        return entry | ({"inclusionProof": self.proof} if self.proof else {})


class Sigstore:
    """One instance; another `name` has other keys, and neither trusts the other."""

    def __init__(self, name: str = "example") -> None:
        self.name = name
        self._authority = key(f"{name} fulcio")
        self._certificate_log = key(f"{name} ctfe")
        self._log = key(f"{name} rekor")

    @cached_property
    def authority(self) -> x509.Certificate:
        names = x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, f"{self.name} fulcio"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "reverse-registry's tests"),
            ]
        )
        return (
            x509.CertificateBuilder(names, names, self._authority.public_key(), 1, _BEGAN, _ENDS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._authority.public_key()), critical=False)
            .sign(self._authority, hashes.SHA256(), ecdsa_deterministic=True)
        )

    @property
    def trusted_root(self) -> Document:
        """`trusted_root.json` (protobuf-specs, sigstore_trustroot.proto)."""
        certificate = {"rawBytes": encoded(self.authority.public_bytes(serialization.Encoding.DER))}
        valid = {"start": "2020-01-01T00:00:00Z"}
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [_instance(self._log)],
            "certificateAuthorities": [
                {
                    "subject": {"organization": "reverse-registry's tests", "commonName": f"{self.name} fulcio"},
                    "uri": "https://fulcio.invalid",
                    "certChain": {"certificates": [certificate]},
                    "validFor": valid,
                }
            ],
            "ctlogs": [_instance(self._certificate_log)],
            "timestampAuthorities": [],
        }

    def certificate(
        self,
        owner: ec.EllipticCurvePrivateKey,
        identity: str = IDENTITY,
        issuer: str | None = ISSUER,
        *,
        at: datetime,
        is_logged: bool = True,
        for_code: bool = True,
    ) -> x509.Certificate:
        """Fulcio's answer to who has proved `identity` to `issuer` at that time."""
        usage = ExtendedKeyUsageOID.CODE_SIGNING if for_code else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            x509.CertificateBuilder(
                self.authority.subject,
                x509.Name([]),
                owner.public_key(),
                int.from_bytes(hashlib.sha256(public_der(owner) + identity.encode()).digest()[:16]) >> 1,
                at,
                at + _LIFETIME,
            )
            .add_extension(_usage(certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(owner.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._authority.public_key()), critical=False
            )
            .add_extension(x509.SubjectAlternativeName([_general_name(identity)]), critical=True)
        )
        if issuer is not None:
            for arc, value in (("1", issuer.encode()), ("8", asn1.encode_der(issuer))):
                oid = x509.ObjectIdentifier(f"1.3.6.1.4.1.57264.1.{arc}")
                builder = builder.add_extension(x509.UnrecognizedExtension(oid, value), critical=False)
        if is_logged:
            precertificate = builder.sign(self._authority, hashes.SHA256(), ecdsa_deterministic=True)
            builder = builder.add_extension(self._timestamp(precertificate, at), critical=False)
        return builder.sign(self._authority, hashes.SHA256(), ecdsa_deterministic=True)

    def _timestamp(self, precertificate: x509.Certificate, at: datetime) -> x509.UnrecognizedExtension:
        """The certificate log's promise, as it is embedded in the certificate (RFC 6962, section 3.3)."""
        content, milliseconds = precertificate.tbs_certificate_bytes, int(at.timestamp() * 1000)
        issuer = hashlib.sha256(public_der(self._authority)).digest()
        entry = issuer + len(content).to_bytes(3) + content
        signature = sign(self._certificate_log, struct.pack("!BBQH", 0, 0, milliseconds, 1) + entry + b"\0\0")
        log_id = hashlib.sha256(public_der(self._certificate_log)).digest()
        sct = b"\0" + log_id + struct.pack("!QH", milliseconds, 0) + b"\4\3" + len(signature).to_bytes(2) + signature
        listed = len(sct).to_bytes(2) + sct
        value = asn1.encode_der(len(listed).to_bytes(2) + listed)
        return x509.UnrecognizedExtension(ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS, value)

    def log(self, body: Document, at: datetime) -> Entry:
        """Takes an entry in."""
        data = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
        log_id = hashlib.sha256(public_der(self._log)).digest()
        index = int.from_bytes(hashlib.sha256(data).digest()[:4])
        promised = {
            "body": encoded(data),
            "integratedTime": int(at.timestamp()),
            "logID": log_id.hex(),
            "logIndex": index,
        }
        promise = sign(self._log, json.dumps(promised, sort_keys=True, separators=(",", ":")).encode())
        return Entry(data, int(at.timestamp()), log_id, index, promise)

    def proof(self, entry: Entry) -> Document:
        """That it is in the log, which was one entry long then (RFC 6962, section 2.1; C2SP's checkpoints)."""
        root = hashlib.sha256(b"\0" + entry.body).digest()
        note = f"{self.name} rekor\n1\n{encoded(root)}\n"
        signature = encoded(entry.log_id[:4] + sign(self._log, note.encode()))
        return {
            "logIndex": "0",
            "rootHash": encoded(root),
            "treeSize": "1",
            "hashes": [],
            "checkpoint": {"envelope": f"{note}\n\u2014 {self.name} {signature}\n"},
        }

    def sign(
        self,
        document: Document,
        *,
        at: datetime,
        identity: str = IDENTITY,
        issuer: str | None = ISSUER,
        kind: Kind = "dsse",
        logged_at: datetime | None = None,
        is_logged: bool = True,
        for_code: bool = True,
    ) -> Signature:
        """`cosign attest` of an in-toto statement; `is_logged` is about the certificate."""
        payload = serialise(document)
        owner = key(hashlib.sha256(payload).hexdigest())
        certificate = self.certificate(owner, identity, issuer, at=at, is_logged=is_logged, for_code=for_code)
        signed = Signature(payload, sign(owner, pae(payload)), certificate, kind=kind)
        entry = self.log(body(signed), logged_at or at + timedelta(seconds=2))
        return replace(signed, entry=entry, proof=self.proof(entry))

    def attest(self, at: datetime, identity: str = IDENTITY, *, kind: Kind = "dsse") -> Attest:
        """For a `Build`: what `cosign attest` in the workflow `identity` pushes at that time."""
        return lambda document, type_: self.sign(document, at=at, identity=identity, kind=kind).layer(type_)


def sign_with_key(document: Document, private: ec.EllipticCurvePrivateKey) -> Signature:
    """`cosign attest --key`, without the log."""
    payload = serialise(document)
    return Signature(payload, sign(private, pae(payload)))


def body(signed: Signature) -> Document:
    """The canonical body of the log entry about it, as Rekor writes each kind."""
    assert signed.certificate is not None
    kind, version = _VERSIONS[signed.kind]
    verifier, signature = encoded(pem(signed.certificate)), encoded(signed.sig)
    envelope, payload = _hash(serialise(signed.envelope)), _hash(signed.payload)
    specs: dict[Kind, Document] = {
        "dsse": {
            "envelopeHash": envelope,
            "payloadHash": payload,
            "signatures": [{"signature": signature, "verifier": verifier}],
        },
        "intoto": {"content": {"hash": envelope, "payloadHash": payload}, "publicKey": verifier},
        "intoto-v2": {
            "content": {
                "envelope": {
                    "payloadType": IN_TOTO,
                    "signatures": [{"publicKey": verifier, "sig": encoded(signature.encode())}],
                },
                "hash": envelope,
                "payloadHash": payload,
            }
        },
        "hashedrekord": {
            "data": {"hash": _hash(pae(signed.payload))},
            "signature": {"content": signature, "publicKey": {"content": verifier}},
        },
    }
    return {"apiVersion": version, "kind": kind, "spec": specs[signed.kind]}


def _hash(data: bytes) -> Document:
    return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}


def _instance(private: ec.EllipticCurvePrivateKey) -> Document:
    der = public_der(private)
    return {
        "baseUrl": "https://log.invalid",
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": encoded(der),
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "validFor": {"start": "2020-01-01T00:00:00Z"},
        },
        "logId": {"keyId": encoded(hashlib.sha256(der).digest())},
    }


def _general_name(identity: str) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(identity) if "://" in identity else x509.RFC822Name(identity)


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )
