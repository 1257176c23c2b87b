"""Public keys of signers and logs."""

import hashlib

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from generator.trust.policy import SignatureError

_CURVES: dict[str, hashes.HashAlgorithm] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}
_SMALLEST_RSA = 2048


def load_key(pem: bytes) -> PublicKeyTypes:
    """Raises `SignatureError` where it is no public key of a kind that signs here."""
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise SignatureError("no public key in PEM") from None
    if not _schemes(key):
        raise SignatureError("neither ECDSA over P-256, P-384 or P-521, nor Ed25519, nor RSA of 2048 bits or more")
    return key


def key_id(key: PublicKeyTypes) -> bytes:
    """SHA-256 of the key's DER (RFC 6962, section 3.2, "LogID"; sigstore names its logs likewise)."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).digest()


def is_signed(key: PublicKeyTypes, signature: bytes, data: bytes) -> bool:
    """Whether `signature` over `data` is by `key`, in a scheme that sigstore's tools use for its kind."""
    for scheme in _schemes(key):
        try:
            key.verify(signature, data, *scheme)  # type: ignore[union-attr, arg-type]
        except InvalidSignature:
            continue
        return True
    return False


def _schemes(key: PublicKeyTypes) -> list[tuple[object, ...]]:
    """The arguments of `verify` after signature and data, for each scheme; none where the key is not to be used."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return [()]
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        # cosign signs with SHA-256 whatever the curve, others with the curve's own.
        algorithms = {each.name: each for each in (_CURVES[key.curve.name], hashes.SHA256())}
        return [(ec.ECDSA(algorithm),) for algorithm in algorithms.values()]
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _SMALLEST_RSA:
        sha256 = hashes.SHA256()
        pss = padding.PSS(padding.MGF1(sha256), padding.PSS.AUTO)
        return [(padding.PKCS1v15(), sha256), (pss, sha256)]
    return []
