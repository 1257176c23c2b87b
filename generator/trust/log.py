"""Entries of Rekor, sigstore's transparency log: that the log promised to keep one, and what it is about.

Sources: sigstore's client specification; the schemas of Rekor's kinds `dsse`, `intoto` and `hashedrekord`.
"""

import hashlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec
from msgspec import Struct

from generator.document import T, decode, printable
from generator.errors import MalformedError
from generator.trust.certificate import SigningCertificate
from generator.trust.dsse import Envelope, unbase64
from generator.trust.policy import SignatureError
from generator.trust.root import TrustedRoot, is_signed_by, moment


@dataclass(frozen=True, slots=True)
class LogEntry:
    """`promise` is the log's signature over all the rest (SignedEntryTimestamp); `time` is in seconds since 1970."""

    body: bytes
    time: int
    log_id: bytes
    index: int
    promise: bytes

    def verify(self, root: TrustedRoot, steps: list[str]) -> datetime:
        """When the log took it in. Raises `SignatureError` where it is not of a log of the trusted root."""
        try:
            at = moment(self.time)
        except (ValueError, OverflowError, OSError):
            raise SignatureError("not in the log: the entry's time is out of range") from None
        promised = {
            "body": b64encode(self.body).decode(),
            "integratedTime": self.time,
            "logID": self.log_id.hex(),
            "logIndex": self.index,
        }
        canonical = msgspec.json.encode(promised, order="sorted")
        if not is_signed_by(root.logs, self.log_id, at, self.promise, canonical):
            raise SignatureError("not in the log: no log of the trusted root signed the entry (SignedEntryTimestamp)")
        steps.append(f"log: entry {self.index}, taken in at {at:%Y-%m-%d %H:%M:%S} UTC (SignedEntryTimestamp)")
        return at


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an entry has to be about. `stored` are the envelope's own bytes, where they are still at hand."""

    envelope: Envelope
    signature: bytes
    certificate: SigningCertificate
    stored: bytes | None = None

    def is_hash_of_stored(self, hash_: "_Hash | None") -> bool:
        return self.stored is not None and hash_ is not None and hash_.is_of(self.stored)

    def is_certificate(self, pem_in_base64: str) -> bool:
        try:
            return SigningCertificate.from_pem(unbase64(pem_in_base64, "log entry's key")).der == self.certificate.der
        except SignatureError:
            return False

    def is_signature(self, text: str) -> bool:
        try:
            return unbase64(text, "log entry's signature") == self.signature
        except SignatureError:
            return False


def check_about(body: bytes, evidence: Evidence, steps: list[str]) -> None:
    """Raises `SignatureError` where the entry is about anything else."""
    entry = _decode(body, _Entry)
    kind = f"{entry.kind} {entry.api_version}"
    check = _KINDS.get(kind)
    if check is None:
        raise SignatureError(f"the log entry is of a kind that is not known: {printable(kind)}")
    if not check(bytes(entry.spec), evidence):
        raise SignatureError("the log entry is about another envelope")
    steps.append(f"log: the entry ({kind}) is about this envelope, its signature and its certificate")


class _Entry(Struct, frozen=True, rename="camel"):
    api_version: str
    kind: str
    spec: msgspec.Raw


class _Hash(Struct, frozen=True):
    algorithm: str
    value: str

    def is_of(self, data: bytes) -> bool:
        return self.algorithm == "sha256" and self.value.lower() == hashlib.sha256(data).hexdigest()


class _DsseSignature(Struct, frozen=True):
    signature: str
    verifier: str


class _Dsse(Struct, frozen=True, rename="camel"):
    payload_hash: _Hash
    signatures: tuple[_DsseSignature, ...]
    envelope_hash: _Hash | None = None


def _is_dsse(spec: bytes, evidence: Evidence) -> bool:
    entry = _decode(spec, _Dsse)
    return (
        entry.payload_hash.is_of(evidence.envelope.payload)
        and (evidence.stored is None or evidence.is_hash_of_stored(entry.envelope_hash))
        and any(
            evidence.is_signature(each.signature) and evidence.is_certificate(each.verifier)
            for each in entry.signatures
        )
    )


class _IntotoV1Content(Struct, frozen=True, rename="camel"):
    hash: _Hash | None = None
    payload_hash: _Hash | None = None


class _IntotoV1(Struct, frozen=True, rename="camel"):
    content: _IntotoV1Content
    public_key: str


def _is_intoto_v1(spec: bytes, evidence: Evidence) -> bool:
    entry = _decode(spec, _IntotoV1)
    payload = entry.content.payload_hash
    if payload is not None and not payload.is_of(evidence.envelope.payload):
        return False
    is_same = payload is not None or evidence.is_hash_of_stored(entry.content.hash)
    return is_same and evidence.is_certificate(entry.public_key)


class _IntotoSignature(Struct, frozen=True, rename="camel"):
    sig: str
    public_key: str


class _IntotoEnvelope(Struct, frozen=True, rename="camel"):
    payload_type: str
    signatures: tuple[_IntotoSignature, ...]


class _IntotoV2Content(Struct, frozen=True, rename="camel"):
    envelope: _IntotoEnvelope
    hash: _Hash | None = None
    payload_hash: _Hash | None = None


class _IntotoV2(Struct, frozen=True):
    content: _IntotoV2Content


def _is_intoto_v2(spec: bytes, evidence: Evidence) -> bool:
    content = _decode(spec, _IntotoV2).content
    payload = content.payload_hash
    if payload is not None and not payload.is_of(evidence.envelope.payload):
        return False
    return (
        (payload is not None or evidence.is_hash_of_stored(content.hash))
        and content.envelope.payload_type == evidence.envelope.payload_type
        and any(
            evidence.is_signature(_text(each.sig)) and evidence.is_certificate(each.public_key)
            for each in content.envelope.signatures
        )
    )


def _text(encoded: str) -> str:
    """The kind `intoto` 0.0.2 has base64 of the base64 that the envelope has."""
    try:
        return unbase64(encoded, "log entry's signature").decode("ascii")
    except (SignatureError, UnicodeDecodeError):
        return ""


class _Data(Struct, frozen=True):
    hash: _Hash


class _Content(Struct, frozen=True):
    content: str


class _RekordSignature(Struct, frozen=True, rename="camel"):
    content: str
    public_key: _Content


class _Hashedrekord(Struct, frozen=True):
    data: _Data
    signature: _RekordSignature


def _is_hashedrekord(spec: bytes, evidence: Evidence) -> bool:
    entry = _decode(spec, _Hashedrekord)
    return (
        entry.data.hash.is_of(evidence.envelope.signed_bytes)
        and evidence.is_signature(entry.signature.content)
        and evidence.is_certificate(entry.signature.public_key.content)
    )


_KINDS: Mapping[str, Callable[[bytes, Evidence], bool]] = {
    "dsse 0.0.1": _is_dsse,
    "intoto 0.0.1": _is_intoto_v1,
    "intoto 0.0.2": _is_intoto_v2,
    "hashedrekord 0.0.1": _is_hashedrekord,
}


def _decode(data: bytes, shape: type[T]) -> T:
    try:
        return decode(data, shape, "log entry")
    except MalformedError as error:
        raise SignatureError(str(error)) from None
