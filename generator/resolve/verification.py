"""Each attachment of a build held against whom the index trusts, step by step: what a person asks to see."""

from collections.abc import Iterator
from dataclasses import dataclass

from generator.errors import MalformedError, TransientError, UpstreamError
from generator.resolve.envelope import attestation, check_subject, open_payload, opener_of
from generator.resolve.homes import Attachment, attachments
from generator.resolve.refused import Refused
from generator.resolve.snapshot import Snapshot
from generator.trust.policy import SignatureError, Signer, Verifier


@dataclass(frozen=True, slots=True)
class Verification:
    """`steps` are the checks that held; `reason` is why the next one did not, and empty where all did."""

    kind: str
    digest: str
    subject: str
    predicate_type: str
    steps: tuple[str, ...]
    signer: Signer | None
    reason: str


def verify(snapshot: Snapshot, verifier: Verifier, reasons: list[str]) -> Iterator[Verification]:
    """Every attachment of the build, place by place; what cannot be listed is named in `reasons`.

    Raises `TransientError` where the upstream is at fault.
    """
    for subject in snapshot.subjects:
        for found in attachments(snapshot, subject, reasons, Refused()):
            for attachment in found:
                yield _verify(snapshot, verifier, attachment)


def _verify(snapshot: Snapshot, verifier: Verifier, attachment: Attachment) -> Verification:
    steps: list[str] = []
    signer: Signer | None = None
    predicate_type = reason = ""
    try:
        data = snapshot.client.blob(attachment.blob)
        steps.append(f"blob: {attachment.blob.digest}, {len(data)} bytes")
        signed = verifier.open(attestation(attachment.blob, attachment.open or opener_of(data), data), steps)
        statement = open_payload(signed.payload_type, signed.payload, "payload")
        predicate_type = statement.predicate_type
        check_subject(statement, attachment.subject, "statement")
        steps.append(f"statement: {predicate_type} about {attachment.subject}")
        signer = signed.signer
    except TransientError:
        raise
    except (UpstreamError, MalformedError, SignatureError) as error:
        reason = str(error)
    blob = attachment.blob.digest
    return Verification(attachment.kind, blob, attachment.subject, predicate_type, tuple(steps), signer, reason)
