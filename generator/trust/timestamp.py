"""Signed timestamps of a signature (RFC 3161), as bundles may carry them beside a log entry."""

from collections.abc import Iterable
from datetime import datetime

from rfc3161_client import TimeStampResponse, VerificationError, VerifierBuilder, decode_timestamp_response

from generator.trust.policy import SignatureError
from generator.trust.root import Authority, TrustedRoot

_MOST = 32


def signed_times(responses: Iterable[bytes], signature: bytes, root: TrustedRoot, steps: list[str]) -> list[datetime]:
    """When authorities of the trusted root saw the signature; each timestamp has to be of one.

    Raises `SignatureError`.
    """
    encoded = list(responses)
    if len(encoded) > _MOST:
        raise SignatureError(f"the bundle has {len(encoded)} timestamps, more than {_MOST}")
    times = [_time(each, signature, root) for each in encoded]
    steps.extend(f"timestamp: {at:%Y-%m-%d %H:%M:%S} UTC by an authority of the trusted root" for at in times)
    return times


def _time(encoded: bytes, signature: bytes, root: TrustedRoot) -> datetime:
    try:
        response = decode_timestamp_response(encoded)
    except ValueError:
        raise SignatureError("a timestamp of the bundle cannot be read") from None
    at = response.tst_info.gen_time
    if not any(_is_by(authority, response, signature) for authority in root.timestamp_authorities(at)):
        raise SignatureError(
            "a timestamp of the bundle is of no authority of the trusted root, or of another signature"
        )
    return at


def _is_by(authority: Authority, response: TimeStampResponse, signature: bytes) -> bool:
    signer, *intermediates, root = authority.certificates
    builder = VerifierBuilder().tsa_certificate(signer).add_root_certificate(root)
    for certificate in intermediates:
        builder = builder.add_intermediate_certificate(certificate)
    try:
        return builder.build().verify_message(response, signature)
    except VerificationError:
        return False
