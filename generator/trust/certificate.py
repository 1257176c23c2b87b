"""Fulcio's short-lived signing certificates: to whom one was given, by whom, and that it was logged.

Sources: Fulcio's certificate specification and oid-info.md; RFC 6962, section 3.2 (signed certificate timestamps).
"""

import struct
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import verification
from cryptography.x509.certificate_transparency import LogEntryType, SignedCertificateTimestamp
from cryptography.x509.oid import ExtendedKeyUsageOID

from generator.document import printable
from generator.trust.keys import is_signed, key_id
from generator.trust.policy import SignatureError, Signer
from generator.trust.root import TrustedRoot, is_signed_by

_ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
_ISSUER_V1 = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_USERNAME = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7")
_LONGEST = 2048


class SigningCertificate:
    """A leaf that Fulcio issued; nothing is believed of it before `verify`."""

    def __init__(self, certificate: x509.Certificate) -> None:
        self.certificate = certificate

    @classmethod
    def from_pem(cls, pem: bytes) -> "SigningCertificate":
        try:
            return cls(x509.load_pem_x509_certificate(pem))
        except ValueError:
            raise SignatureError("the signing certificate cannot be read") from None

    @classmethod
    def from_der(cls, der: bytes) -> "SigningCertificate":
        try:
            return cls(x509.load_der_x509_certificate(der))
        except ValueError:
            raise SignatureError("the signing certificate cannot be read") from None

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def is_signed(self, signature: bytes, data: bytes) -> bool:
        """Raises `SignatureError` where its key is of no kind that is known."""
        try:
            return is_signed(self.certificate.public_key(), signature, data)
        except (ValueError, UnsupportedAlgorithm):
            raise SignatureError("the signing certificate's key is of an unknown kind") from None

    def verify(self, root: TrustedRoot, times: Collection[datetime], steps: list[str]) -> None:
        """That it is Fulcio's, was valid at each of those times, is for signing code, and stands in a certificate log.

        Raises `SignatureError`.
        """
        issuers = [self._issuer(root, at) for at in times]
        steps.append("certificate: of an authority of the trusted root, valid when the signature was logged")
        self.check_usage()
        self._check_logged(root, issuers[0])
        steps.append("certificate: in a certificate transparency log (SCT)")

    def signer(self) -> Signer:
        """Raises `SignatureError` where it names nobody, or several."""
        try:
            names = self._extension(x509.SubjectAlternativeName)
            identities = [name.value for name in names if isinstance(name, x509.UniformResourceIdentifier)]
            identities += [name.value for name in names if isinstance(name, x509.RFC822Name)]
            identities += [
                asn1.decode_der(str, name.value)
                for name in names
                if isinstance(name, x509.OtherName) and name.type_id == _USERNAME
            ]
        except ValueError:
            raise SignatureError("the certificate's identity cannot be read") from None
        if len(identities) != 1 or len(identities[0]) > _LONGEST:
            raise SignatureError(f"the certificate names {len(identities)} identities, not one")
        return Signer(identities[0], self._oidc_issuer())

    def _oidc_issuer(self) -> str:
        for oid in (_ISSUER, _ISSUER_V1):
            with suppress(x509.ExtensionNotFound):
                value = self.certificate.extensions.get_extension_for_oid(oid).value
                assert isinstance(value, x509.UnrecognizedExtension)  # noqa: S101
                try:
                    return asn1.decode_der(str, value.value) if oid == _ISSUER else value.value.decode()
                except ValueError:
                    raise SignatureError("the certificate's issuer of identities cannot be read") from None
        raise SignatureError("the certificate does not say who issued the identity")

    def _issuer(self, root: TrustedRoot, at: datetime) -> x509.Certificate:
        """Fulcio's certificate that signed this one, along a path that was valid then."""
        # As webpki, but that code is signed with it: what `_check_usage` looks at.
        any_use = x509.ExtendedKeyUsage, verification.Criticality.NON_CRITICAL, None
        authority = verification.ExtensionPolicy.webpki_defaults_ca().may_be_present(*any_use)
        leaf = verification.ExtensionPolicy.webpki_defaults_ee().may_be_present(*any_use)
        issuers = root.issuers(at)
        if not issuers:
            raise SignatureError(f"no certificate authority of the trusted root was in use at {at:%Y-%m-%d %H:%M:%S}")
        builder = verification.PolicyBuilder().store(verification.Store(issuers)).time(at.replace(tzinfo=None))
        verifier = builder.extension_policies(ca_policy=authority, ee_policy=leaf).build_client_verifier()
        try:
            return verifier.verify(self.certificate, []).chain[1]
        except (verification.VerificationError, x509.UnsupportedGeneralNameType, ValueError, IndexError) as error:
            raise SignatureError(self.why_not_valid(at, error)) from None

    def why_not_valid(self, at: datetime, error: object) -> str:
        """In words, why a path to the trusted root was not found for that time."""
        begins, ends = self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc
        if at > ends:
            return f"the certificate had expired ({ends:%Y-%m-%d %H:%M:%S}) when it was logged ({at:%Y-%m-%d %H:%M:%S})"
        if at < begins:
            return f"the certificate was logged ({at:%Y-%m-%d %H:%M:%S}) before it began ({begins:%Y-%m-%d %H:%M:%S})"
        return f"the certificate was not issued by a certificate authority of the trusted root: {printable(error)}"

    def check_usage(self) -> None:
        """Raises `SignatureError` where Fulcio did not issue it for signing code."""
        usage, extended = self._extension(x509.KeyUsage), self._extension(x509.ExtendedKeyUsage)
        if not usage.digital_signature or ExtendedKeyUsageOID.CODE_SIGNING not in extended:
            raise SignatureError("the certificate is not for signing code")

    def _check_logged(self, root: TrustedRoot, issuer: x509.Certificate) -> None:
        for timestamp in self._extension(x509.PrecertificateSignedCertificateTimestamps):
            at, log = _milliseconds(timestamp), timestamp.log_id
            signed = _signed_entry(timestamp, self.certificate.tbs_precertificate_bytes, issuer)
            if is_signed_by(root.certificate_logs, log, at, timestamp.signature, signed):
                return
        raise SignatureError("the certificate is in no certificate transparency log of the trusted root")

    def _extension(self, kind: type[x509.extensions.ExtensionTypeVar]) -> x509.extensions.ExtensionTypeVar:
        try:
            return self.certificate.extensions.get_extension_for_class(kind).value
        except x509.ExtensionNotFound:
            raise SignatureError(f"the certificate has no {kind.__name__}") from None
        except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
            raise SignatureError("the certificate's extensions cannot be read") from None


def _milliseconds(timestamp: SignedCertificateTimestamp) -> datetime:
    return timestamp.timestamp.replace(tzinfo=UTC)


def _signed_entry(timestamp: SignedCertificateTimestamp, precertificate: bytes, issuer: x509.Certificate) -> bytes:
    """What an SCT embedded in a certificate is a signature over (RFC 6962, section 3.2)."""
    if timestamp.entry_type != LogEntryType.PRE_CERTIFICATE:
        raise SignatureError("the certificate's log entry is of an unknown kind")
    at = int(_milliseconds(timestamp).timestamp() * 1000)
    head = struct.pack("!BBQH", timestamp.version.value, 0, at, timestamp.entry_type.value)
    entry = key_id(issuer.public_key()) + len(precertificate).to_bytes(3) + precertificate
    return head + entry + len(timestamp.extension_bytes).to_bytes(2) + timestamp.extension_bytes
