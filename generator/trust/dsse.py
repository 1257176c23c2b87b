"""Dead Simple Signing Envelope (secure-systems-lab/dsse, envelope.md and protocol.md, v1)."""

from dataclasses import dataclass

from msgspec import Struct

from generator.document import decode, decode_base64
from generator.errors import MalformedError
from generator.trust.policy import SignatureError

_MOST_SIGNATURES = 16


class _Signature(Struct, frozen=True):
    sig: str = ""


class _Envelope(Struct, frozen=True, rename="camel"):
    payload_type: str
    payload: str
    signatures: tuple[_Signature, ...] = ()


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope, decoded once: what is verified is what is read."""

    payload_type: str
    payload: bytes
    signatures: tuple[bytes, ...]

    @classmethod
    def parse(cls, data: bytes) -> "Envelope":
        """Raises `SignatureError` where it is no envelope or has no signature."""
        try:
            envelope = decode(data, _Envelope, "envelope")
        except MalformedError as error:
            raise SignatureError(str(error)) from None
        signatures = tuple(unbase64(each.sig, "signature") for each in envelope.signatures if each.sig)
        if not signatures:
            raise SignatureError("unsigned: the envelope holds no signature")
        if len(signatures) > _MOST_SIGNATURES:
            raise SignatureError(f"the envelope holds {len(signatures)} signatures, more than {_MOST_SIGNATURES}")
        return cls(envelope.payload_type, unbase64(envelope.payload, "payload"), signatures)

    @property
    def signed_bytes(self) -> bytes:
        """What a signature is over: the pre-authentication encoding (protocol.md, "PAE")."""
        type_ = self.payload_type.encode()
        return b"DSSEv1 %d %b %d %b" % (len(type_), type_, len(self.payload), self.payload)


def unbase64(text: str, what: str) -> bytes:
    """Raises `SignatureError`."""
    try:
        return decode_base64(text)
    except ValueError:
        raise SignatureError(f"the {what} is not base64") from None
