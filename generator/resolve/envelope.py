"""What documents come wrapped in: in-toto statements, DSSE envelopes, sigstore bundles."""

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec
from msgspec import Struct, field

from generator.document import decode, decode_base64, printable
from generator.errors import MalformedError
from generator.resolve.formats import Format, of_document, of_predicate
from generator.trust.policy import Attestation
from generator.upstream import Descriptor

DSSE = "application/vnd.dsse.envelope.v1+json"
IN_TOTO = "application/vnd.in-toto+json"
BUNDLE = "application/vnd.dev.sigstore.bundle"

# cosign's predicate for anything, an SBOM included (cosign, specs/COSIGN_PREDICATE_SPEC.md).
_ANYTHING = frozenset({"https://cosign.sigstore.dev/attestation/v1", "cosign.sigstore.dev/attestation/v1"})


class _Subject(Struct, frozen=True):
    digest: Mapping[str, str] | None = None


class Statement(Struct, frozen=True, rename="camel"):
    """in-toto attestation framework, statement v0.1 and v1."""

    type: Literal["https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1"] = field(name="_type")
    predicate_type: str
    subject: tuple[_Subject, ...]
    predicate: msgspec.Raw


class Envelope(Struct, frozen=True, rename="camel"):
    """Dead Simple Signing Envelope v1."""

    payload_type: str
    payload: str


class _Bundle(Struct, frozen=True, rename="camel"):
    dsse_envelope: Envelope


def open_statement(data: bytes, what: str) -> Statement:
    return decode(data, Statement, what)


def open_dsse(data: bytes, what: str) -> Statement:
    return _payload(decode(data, Envelope, what), what)


def open_bundle(data: bytes, what: str) -> Statement:
    return _payload(decode(data, _Bundle, what).dsse_envelope, what)


def _payload(envelope: Envelope, what: str) -> Statement:
    try:
        payload = decode_base64(envelope.payload)
    except ValueError:
        raise MalformedError(f"{what}: the payload is not base64") from None
    return open_payload(envelope.payload_type, payload, what)


def open_payload(payload_type: str, payload: bytes, what: str) -> Statement:
    """What an envelope holds. Raises `MalformedError` where it is no in-toto statement."""
    if payload_type != IN_TOTO:
        raise MalformedError(f"{what}: payload of type {printable(payload_type)!r}, not {IN_TOTO!r}")
    return open_statement(payload, what)


Open = Callable[[bytes, str], Statement]


def opener(media_type: str) -> Open | None:
    """How a layer of `media_type` is opened; None where it is no attestation."""
    bare = media_type.partition(";")[0].strip().lower()
    if bare.startswith(BUNDLE):
        return open_bundle
    return {DSSE: open_dsse, IN_TOTO: open_statement}.get(bare)


def is_enveloped(open_: Open | None) -> bool:
    """Whether what is opened so may be signed."""
    return open_ in (open_dsse, open_bundle)


def attestation(blob: Descriptor, open_: Open | None, data: bytes) -> Attestation:
    """What a verifier is to open: `blob` describes it, `data` are its bytes."""
    media_type = BUNDLE if open_ is open_bundle else DSSE if open_ is open_dsse else blob.media_type
    stated = {key: text for key, text in (blob.annotations or {}).items() if text is not None}
    return Attestation(media_type, data, stated)


def unwrap(statement: Statement, subject: str, what: str) -> tuple[Format, bytes]:
    """The predicate of a statement about `subject` (a digest), and its format.

    Raises `MalformedError` where it is about something else, or no predicate that names packages.
    """
    check_subject(statement, subject, what)
    document = _unwrapped(statement.predicate, what)
    is_open = statement.predicate_type in _ANYTHING
    format_ = of_document(document) if is_open else of_predicate(statement.predicate_type)
    if format_ is None:
        raise MalformedError(f"{what}: no packages in a predicate {printable(statement.predicate_type)!r}")
    return format_, document


def check_subject(statement: Statement, subject: str, what: str) -> None:
    """Raises `MalformedError` where the statement is not about `subject` (a digest)."""
    algorithm, _, hex_ = subject.partition(":")
    if not any((item.digest or {}).get(algorithm, "").lower() == hex_ for item in statement.subject):
        raise MalformedError(f"{what}: the attestation's subject is not {subject}")


def may_list(predicate_type: str) -> bool:
    """Whether a predicate of that type may name packages; "" where the type is not known beforehand."""
    return not predicate_type or predicate_type in _ANYTHING or of_predicate(predicate_type) is not None


class _Wrapped(Struct, frozen=True):
    data: msgspec.Raw = field(default=msgspec.Raw(), name="Data")


def _unwrapped(predicate: msgspec.Raw, what: str) -> bytes:
    """The document that a predicate is, or that cosign 1 put into one: `{"Data": …}`, as JSON or its text."""
    data = _text(bytes(predicate), what)
    inner = bytes(decode(data, _Wrapped, what).data) if data[:1] == b"{" else b""
    return _text(inner, what) if inner else data


def _text(data: bytes, what: str) -> bytes:
    return decode(data, str, what).encode() if data[:1] == b'"' else data


class _Marks(Struct, frozen=True, rename="camel"):
    type: object = field(default=None, name="_type")
    payload_type: object = None
    dsse_envelope: object = None


def opener_of(data: bytes) -> Open | None:
    """How a document of no telling media type is opened; None where it is no attestation."""
    try:
        marks = decode(data, _Marks, "")
    except MalformedError:
        return None
    if marks.dsse_envelope:
        return open_bundle
    return open_dsse if marks.payload_type else open_statement if marks.type else None
