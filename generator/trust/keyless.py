"""Keyless signatures that are verified here step by step: cosign's legacy attestations, and bundles whose log entry is
of a kind that the sigstore library refuses (`intoto`), or that come without a proof of inclusion (bundles v0.1).

Sources: sigstore's client specification; cosign, specs/SIGNATURE_SPEC.md, and what `cosign verify-attestation` checks.
"""

from collections.abc import Collection
from datetime import datetime

from msgspec import Struct

from generator.document import decode
from generator.errors import MalformedError
from generator.trust.certificate import SigningCertificate
from generator.trust.dsse import Envelope, unbase64
from generator.trust.log import Evidence, LogEntry, check_about
from generator.trust.policy import Attestation, SignatureError, Signed
from generator.trust.root import TrustedRoot

_BUNDLE = "dev.sigstore.cosign/bundle"


class _RekorPayload(Struct, frozen=True, rename={"time": "integratedTime", "index": "logIndex", "log": "logID"}):
    body: str
    time: int
    index: int
    log: str


class _RekorBundle(Struct, frozen=True, rename="pascal"):
    signed_entry_timestamp: str
    payload: _RekorPayload


def open_legacy(attestation: Attestation, root: TrustedRoot, steps: list[str]) -> Signed:
    """An envelope as cosign keeps it under `sha256-<hex>.att`. Raises `SignatureError`."""
    envelope = Envelope.parse(attestation.data)
    if not attestation.certificate:
        raise SignatureError("signed by a key, not by a certificate")
    certificate = SigningCertificate.from_pem(attestation.certificate.encode())
    entry = _entry(attestation.annotations.get(_BUNDLE, ""))
    at = entry.verify(root, steps)
    return verify_keyless(envelope, certificate, entry.body, [at], root, steps, stored=attestation.data)


def _entry(annotation: str) -> LogEntry:
    if not annotation:
        raise SignatureError(f"not in the log: the layer has no annotation {_BUNDLE}")
    try:
        bundle = decode(annotation, _RekorBundle, _BUNDLE)
        log_id = bytes.fromhex(bundle.payload.log)
    except (MalformedError, ValueError) as error:
        raise SignatureError(f"not in the log: {error}") from None
    return LogEntry(
        body=unbase64(bundle.payload.body, "log entry"),
        time=bundle.payload.time,
        log_id=log_id,
        index=bundle.payload.index,
        promise=unbase64(bundle.signed_entry_timestamp, "SignedEntryTimestamp"),
    )


def verify_keyless(
    envelope: Envelope,
    certificate: SigningCertificate,
    entry: bytes,
    times: Collection[datetime],
    root: TrustedRoot,
    steps: list[str],
    *,
    stored: bytes | None = None,
) -> Signed:
    """What the envelope holds, once signature, log entry and certificate belong together.

    `entry` is the body of a log entry that a log was found to have taken in, `times` when that and timestamps say
    that the signature was made, `stored` the envelope's own bytes where they are at hand. Raises `SignatureError`.
    """
    signature = next((each for each in envelope.signatures if certificate.is_signed(each, envelope.signed_bytes)), None)
    if signature is None:
        raise SignatureError("payload changed: no signature of the envelope is by the certificate's key")
    steps.append("envelope: signed by the certificate's key (DSSE)")
    check_about(entry, Evidence(envelope, signature, certificate, stored), steps)
    certificate.verify(root, times, steps)
    return Signed(envelope.payload_type, envelope.payload, certificate.signer())
