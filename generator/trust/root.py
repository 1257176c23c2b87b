"""Sigstore's root of trust: its certificate authorities, logs and timestamp authorities, each for its time.

The format is sigstore's `trusted_root.json` (protobuf-specs, sigstore_trustroot.proto).
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from sigstore.errors import Error, TUFError
from sigstore.models import ClientTrustConfig
from sigstore.models import TrustedRoot as SigstoreRoot
from sigstore_models.common.v1 import TimeRange
from sigstore_models.trustroot import v1 as trustroot

from generator.document import printable
from generator.errors import ConfigurationError
from generator.trust.keys import is_signed, key_id

# Without a handler Python would print the library's warnings.
logging.getLogger("sigstore").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Log:
    """A transparency log: `id` names it in entries and SCTs."""

    id: bytes
    key: PublicKeyTypes
    valid: TimeRange | None


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority, its certificates from the one that issues up to the root."""

    certificates: tuple[x509.Certificate, ...]
    valid: TimeRange


class TrustedRoot:
    """`sigstore` is the same root as that library knows it."""

    def __init__(self, document: trustroot.TrustedRoot) -> None:
        """Raises `ValueError` where a key or certificate in it cannot be read."""
        self.sigstore = SigstoreRoot(document)
        self.logs = tuple(_logs(document.tlogs))
        self.certificate_logs = tuple(_logs(document.ctlogs))
        self._fulcio = tuple(_authorities(document.certificate_authorities))
        self._timestamps = tuple(_authorities(document.timestamp_authorities))

    def issuers(self, at: datetime) -> list[x509.Certificate]:
        """Fulcio's certificates that were in use then."""
        return [each for authority in self._fulcio if _covers(authority.valid, at) for each in authority.certificates]

    def timestamp_authorities(self, at: datetime) -> list[Authority]:
        """Those that were in use then, each with a signer's certificate and a root at least."""
        return [each for each in self._timestamps if _covers(each.valid, at) and len(each.certificates) > 1]


def load_root(file: Path | None) -> TrustedRoot:
    """The root in `file`; without one sigstore's public root, refreshed by TUF where the network allows.

    Raises `ConfigurationError` where the file is none.
    """
    try:
        if file is None:
            return TrustedRoot(_public_root())
        return TrustedRoot(trustroot.TrustedRoot.from_json(file.read_bytes()))
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror or error}") from None
    except (ValueError, Error, UnsupportedAlgorithm) as error:
        raise ConfigurationError(f"{file}: not a trusted root of sigstore: {printable(error)}") from None


def _public_root() -> trustroot.TrustedRoot:
    try:
        config = ClientTrustConfig.production()
    except TUFError:
        config = ClientTrustConfig.production(offline=True)
    return config.trusted_root._inner


def is_signed_by(logs: Iterable[Log], id_: bytes, at: datetime, signature: bytes, data: bytes) -> bool:
    """Whether the log of that id signed `data`, and was in use at that time."""
    return any(log.id == id_ and _covers(log.valid, at) and is_signed(log.key, signature, data) for log in logs)


def _covers(valid: TimeRange | None, at: datetime) -> bool:
    """Both ends belong to it; what states no time is always valid."""
    return valid is None or (valid.start <= at and (valid.end is None or at <= valid.end))


def _logs(instances: Iterable[trustroot.TransparencyLogInstance]) -> Iterator[Log]:
    for instance in instances:
        key = serialization.load_der_public_key(instance.public_key.raw_bytes or b"")
        yield Log(instance.log_id.key_id if instance.log_id else key_id(key), key, instance.public_key.valid_for)


def _authorities(authorities: Iterable[trustroot.CertificateAuthority] | None) -> Iterator[Authority]:
    for authority in authorities or ():
        chain = authority.cert_chain.certificates
        yield Authority(tuple(x509.load_der_x509_certificate(each.raw_bytes) for each in chain), authority.valid_for)


def moment(seconds: int) -> datetime:
    """Seconds since 1970 as a log states them. Raises `ValueError` or `OverflowError`."""
    return datetime.fromtimestamp(seconds, UTC)
