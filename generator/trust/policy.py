"""Whom images.toml trusts, and who was found to have signed. Data only: nothing here needs the extra `verify`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from generator.errors import ReverseRegistryError

_CERTIFICATE = "dev.sigstore.cosign/certificate"


class SignatureError(ReverseRegistryError):
    """An attestation is not signed by whom images.toml trusts; the text is the exact reason."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Keyless signing: the identity that Fulcio wrote into the certificate, and who vouched for it (OpenID issuer).

    `identity` is compared as it stands; `pattern` has to match all of the certificate's identity.
    """

    issuer: str
    identity: str = ""
    pattern: "re.Pattern[str] | None" = None

    def admits(self, signer: "Signer") -> bool:
        if signer.issuer != self.issuer:
            return False
        return bool(self.pattern.fullmatch(signer.identity)) if self.pattern else signer.identity == self.identity

    def __str__(self) -> str:
        return f"{self.pattern.pattern if self.pattern else self.identity} ({self.issuer})"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A signer's own key: `file` holds it in PEM, beside images.toml."""

    file: str

    def __str__(self) -> str:
        return f"the key {self.file}"


Trust = Identity | PublicKey


@dataclass(frozen=True, slots=True)
class Signer:
    """`identity` is a certificate's subject alternative name, or `key:sha256:<hex>` of a key (its DER); `issuer` is
    empty for a key."""

    identity: str
    issuer: str = ""

    def __str__(self) -> str:
        return f"{self.identity} ({self.issuer})" if self.issuer else self.identity


@dataclass(frozen=True, slots=True)
class Attestation:
    """A blob that may be signed, with the annotations of the layer that names it, where cosign keeps certificates."""

    media_type: str
    data: bytes
    annotations: Mapping[str, str]

    @property
    def certificate(self) -> str:
        """The certificate that cosign keeps beside the envelope (PEM), or nothing."""
        return self.annotations.get(_CERTIFICATE, "")


@dataclass(frozen=True, slots=True)
class Signed:
    """What was signed, byte for byte, and by whom."""

    payload_type: str
    payload: bytes
    signer: Signer


class Verifier(Protocol):
    """Opens an attestation that is signed by whom it should be."""

    def open(self, attestation: Attestation, steps: list[str]) -> Signed:
        """Each check that holds is appended to `steps`. Raises `SignatureError` at the first that does not."""
        ...
