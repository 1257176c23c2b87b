"""The verifiers: one for keyless identities, one for keys."""

from pathlib import Path

from generator.errors import BrokenIndexError, ConfigurationError
from generator.files import inside
from generator.trust.bundle import envelope_of, open_bundle
from generator.trust.dsse import Envelope
from generator.trust.keyless import open_legacy
from generator.trust.keys import is_signed, key_id, load_key
from generator.trust.policy import Attestation, Identity, PublicKey, SignatureError, Signed, Signer, Trust, Verifier
from generator.trust.root import TrustedRoot, load_root

_BUNDLE = "application/vnd.dev.sigstore.bundle"
_DSSE = "application/vnd.dsse.envelope.v1+json"


class IdentityVerifier:
    """Opens what a workflow, or a person, signed without a key of their own, through Fulcio and Rekor."""

    def __init__(self, trust: Identity, root: TrustedRoot) -> None:
        self._trust = trust
        self._root = root

    def open(self, attestation: Attestation, steps: list[str]) -> Signed:
        """Raises `SignatureError`."""
        if is_bundle(attestation.media_type):
            signed = open_bundle(attestation.data, self._root, steps)
        elif is_envelope(attestation.media_type):
            signed = open_legacy(attestation, self._root, steps)
        else:
            raise SignatureError("unsigned: it is in no envelope")
        if not self._trust.admits(signed.signer):
            raise SignatureError(f"signed by {signed.signer}, not by {self._trust}")
        steps.append(f"identity: {signed.signer}")
        return signed


class KeyVerifier:
    """Opens what was signed by one key, whether a log knows of it or not."""

    def __init__(self, trust: PublicKey, folder: Path) -> None:
        """Raises `ConfigurationError` where the file in `folder` holds no key."""
        file = folder / trust.file
        try:
            self._key = load_key(inside(folder, trust.file).read_bytes())
        except BrokenIndexError as error:
            raise ConfigurationError(str(error)) from None
        except OSError as error:
            raise ConfigurationError(f"{file}: cannot be read: {error.strerror or error}") from None
        except SignatureError as error:
            raise ConfigurationError(f"{file}: {error}") from None
        self._trust = trust
        self._signer = Signer(f"key:sha256:{key_id(self._key).hex()}")

    def open(self, attestation: Attestation, steps: list[str]) -> Signed:
        """Raises `SignatureError`."""
        if is_bundle(attestation.media_type):
            envelope = envelope_of(attestation.data)
        elif is_envelope(attestation.media_type):
            envelope = Envelope.parse(attestation.data)
        else:
            raise SignatureError("unsigned: it is in no envelope")
        if not any(is_signed(self._key, signature, envelope.signed_bytes) for signature in envelope.signatures):
            raise SignatureError(f"not signed by {self._trust}, or the payload changed")
        steps.append(f"envelope: signed by {self._trust} (DSSE)")
        return Signed(envelope.payload_type, envelope.payload, self._signer)


def is_bundle(media_type: str) -> bool:
    return media_type.strip().lower().startswith(_BUNDLE)


def is_envelope(media_type: str) -> bool:
    return media_type.partition(";")[0].strip().lower() == _DSSE


class Verifiers:
    """A verifier for each policy; the root of trust is loaded when first needed."""

    def __init__(self, folder: Path, root: Path | None) -> None:
        """`folder` holds images.toml and keys; `root` is a `trusted_root.json`, without one sigstore's own is used."""
        self._folder = folder
        self._file = root
        self._root: TrustedRoot | None = None
        self._verifiers: dict[Trust, Verifier] = {}

    def of(self, trust: Trust) -> Verifier:
        """Raises `ConfigurationError` where the key or the root cannot be used."""
        if trust not in self._verifiers:
            self._verifiers[trust] = self._made(trust)
        return self._verifiers[trust]

    def _made(self, trust: Trust) -> Verifier:
        if isinstance(trust, PublicKey):
            return KeyVerifier(trust, self._folder)
        if self._root is None:
            self._root = load_root(self._file)
        return IdentityVerifier(trust, self._root)
