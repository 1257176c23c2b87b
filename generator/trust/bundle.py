"""Sigstore bundles v0.1 to v0.3 (protobuf-specs, sigstore_bundle.proto), signed with a certificate of Fulcio's."""

from datetime import datetime

import msgspec
from cryptography.x509 import Certificate
from msgspec import Struct
from sigstore._internal.trust import KeyringPurpose
from sigstore.errors import Error
from sigstore.models import Bundle, InvalidBundle, TransparencyLogEntry
from sigstore.verify import Verifier as SigstoreVerifier
from sigstore_models.rekor.v1 import TransparencyLogEntry as EntryModel

from generator.document import T, decode, printable
from generator.errors import MalformedError
from generator.trust.certificate import SigningCertificate
from generator.trust.dsse import Envelope, unbase64
from generator.trust.keyless import verify_keyless
from generator.trust.log import LogEntry
from generator.trust.policy import SignatureError, Signed
from generator.trust.root import TrustedRoot, moment
from generator.trust.timestamp import signed_times

_WITHOUT_PROOF = "application/vnd.dev.sigstore.bundle+json;version=0.1"
_OF_THE_LIBRARY = {("dsse", "0.0.1"), ("hashedrekord", "0.0.2")}

# How the library words a refusal, and what that says of an attestation.
_REASONS = (
    ("DSSE: invalid signature", "payload changed: the envelope's signature is not by the certificate's key"),
    ("log entry payload hash", "the log entry is about another envelope"),
    ("log entry signatures", "the log entry is about another envelope"),
    ("transparency log entry is inconsistent", "the log entry is about another envelope"),
    ("invalid log entry", "not in the log"),
    ("not enough sources of verified time", "not in the log: nothing says when it was signed"),
    ("failed to verify SCT", "the certificate is in no certificate transparency log of the trusted root"),
)
_NOT_VALID_THEN = ("failed to build timestamp certificate chain", "invalid signing cert")


class _Raw(Struct, frozen=True, rename="camel"):
    raw_bytes: str


class _Chain(Struct, frozen=True):
    certificates: tuple[_Raw, ...] = ()


class _LogId(Struct, frozen=True, rename="camel"):
    key_id: str


class _KindVersion(Struct, frozen=True):
    kind: str
    version: str


class _Promise(Struct, frozen=True, rename="camel"):
    signed_entry_timestamp: str


class _Proof(Struct, frozen=True):
    checkpoint: msgspec.Raw = msgspec.Raw(b"null")


class _Entry(Struct, frozen=True, rename="camel"):
    log_index: str
    log_id: _LogId
    kind_version: _KindVersion
    canonicalized_body: str
    integrated_time: str = "0"
    inclusion_promise: _Promise | None = None
    inclusion_proof: _Proof | None = None

    @property
    def kind(self) -> tuple[str, str]:
        return self.kind_version.kind, self.kind_version.version

    @property
    def is_proved(self) -> bool:
        return self.inclusion_proof is not None and bytes(self.inclusion_proof.checkpoint) != b"null"


class _Timestamp(Struct, frozen=True, rename="camel"):
    signed_timestamp: str


class _Timestamps(Struct, frozen=True):
    rfc3161_timestamps: tuple[_Timestamp, ...] = msgspec.field(default=(), name="rfc3161Timestamps")


class _Material(Struct, frozen=True, rename="camel"):
    tlog_entries: tuple[msgspec.Raw, ...] = ()
    certificate: _Raw | None = None
    x509_certificate_chain: _Chain | None = msgspec.field(default=None, name="x509CertificateChain")
    timestamp_verification_data: _Timestamps | None = None

    @property
    def leaf(self) -> _Raw | None:
        chain = self.x509_certificate_chain.certificates if self.x509_certificate_chain else ()
        return self.certificate or (chain[0] if chain else None)


class _Bundle(Struct, frozen=True, rename="camel"):
    media_type: str
    dsse_envelope: msgspec.Raw
    verification_material: _Material


def envelope_of(data: bytes) -> Envelope:
    """The envelope alone, as a key verifies it. Raises `SignatureError`."""
    return Envelope.parse(bytes(_decode(data, _Bundle).dsse_envelope))


def open_bundle(data: bytes, root: TrustedRoot, steps: list[str]) -> Signed:
    """Raises `SignatureError`."""
    bundle = _decode(data, _Bundle)
    material = bundle.verification_material
    if material.leaf is None:
        raise SignatureError("signed by a key, not by a certificate")
    if len(material.tlog_entries) != 1:
        raise SignatureError(f"not in the log: the bundle has {len(material.tlog_entries)} log entries, not one")
    entry = _decode(bytes(material.tlog_entries[0]), _Entry)
    certificate = SigningCertificate.from_der(unbase64(material.leaf.raw_bytes, "certificate"))
    if entry.kind in _OF_THE_LIBRARY and entry.is_proved:
        return _by_library(data, root, certificate, entry, steps)
    if not entry.is_proved and bundle.media_type != _WITHOUT_PROOF:
        raise SignatureError("not in the log: the bundle has no proof of inclusion")
    if entry.is_proved:
        _check_included(bytes(material.tlog_entries[0]), root, steps)
    envelope = Envelope.parse(bytes(bundle.dsse_envelope))
    times = _times(entry, material, envelope, root, steps)
    body = unbase64(entry.canonicalized_body, "log entry")
    return verify_keyless(envelope, certificate, body, times, root, steps)


def _times(
    entry: _Entry, material: _Material, envelope: Envelope, root: TrustedRoot, steps: list[str]
) -> list[datetime]:
    """When it was signed, by everything in the bundle that says so and is itself signed."""
    times = []
    if entry.inclusion_promise:
        times.append(_promised(entry, entry.inclusion_promise).verify(root, steps))
    if material.timestamp_verification_data:
        timestamps = material.timestamp_verification_data.rfc3161_timestamps
        responses = [unbase64(each.signed_timestamp, "timestamp") for each in timestamps]
        times += signed_times(responses, envelope.signatures[0], root, steps)
    if not times:
        raise SignatureError("not in the log: nothing says when it was signed")
    return times


def _promised(entry: _Entry, promise: _Promise) -> LogEntry:
    try:
        time, index = int(entry.integrated_time), int(entry.log_index)
    except ValueError:
        raise SignatureError("not in the log: the entry has no time or no index") from None
    return LogEntry(
        body=unbase64(entry.canonicalized_body, "log entry"),
        time=time,
        log_id=unbase64(entry.log_id.key_id, "log's id"),
        index=index,
        promise=unbase64(promise.signed_entry_timestamp, "SignedEntryTimestamp"),
    )


def _check_included(entry: bytes, root: TrustedRoot, steps: list[str]) -> None:
    """The proof that the entry is in the log, and the log's signature over its state then: the library's work."""
    try:
        TransparencyLogEntry(EntryModel.from_json(entry))._verify(root.sigstore.rekor_keyring(KeyringPurpose.VERIFY))
    except (Error, ValueError, OverflowError) as error:
        raise SignatureError(f"not in the log: {printable(error)}") from None
    steps.append("log: proved to hold the entry (inclusion proof and checkpoint)")


class _AnyIdentity:
    """Whose identity it is, is judged afterwards, in one way for every kind of attestation."""

    def verify(self, cert: Certificate) -> None:
        pass


def _by_library(
    data: bytes, root: TrustedRoot, certificate: SigningCertificate, entry: _Entry, steps: list[str]
) -> Signed:
    certificate.check_usage()
    try:
        verified = Bundle.from_json(data)
        payload_type, payload = SigstoreVerifier(trusted_root=root.sigstore).verify_dsse(verified, _AnyIdentity())
    except InvalidBundle as error:
        raise SignatureError(f"not a bundle of sigstore's: {printable(error)}") from None
    # The library raises much besides its own errors where a bundle is not what it expects.
    except Exception as error:
        raise SignatureError(_reason(str(error), certificate, entry)) from None
    steps.append(f"bundle: {' '.join(entry.kind)} entry in the log, proved and signed; certificate, SCT and envelope")
    return Signed(payload_type, payload, SigningCertificate(verified.signing_certificate).signer())


def _reason(message: str, certificate: SigningCertificate, entry: _Entry) -> str:
    if message.startswith(_NOT_VALID_THEN):
        return certificate.why_not_valid(moment(int(entry.integrated_time)), message)
    reasons = (reason for beginning, reason in _REASONS if message.startswith(beginning))
    return next(reasons, f"the sigstore library refuses it: {printable(message)}")


def _decode(data: bytes, shape: type[T]) -> T:
    try:
        return decode(data, shape, "bundle")
    except MalformedError as error:
        raise SignatureError(str(error)) from None
