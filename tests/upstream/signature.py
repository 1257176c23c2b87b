"""Short strings that only this process can have written: bearer tokens and the CDN's URLs."""

import base64
import hashlib
import hmac
import secrets
import time


class Signer:
    """Signs texts together with the time at which they expire, seconds since 1970."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def sign(self, text: str, expires: str) -> str:
        return hmac.new(self._key, f"{expires}\n{text}".encode(), hashlib.sha256).hexdigest()

    def is_signed(self, text: str, expires: str, signature: str) -> bool:
        return hmac.compare_digest(self.sign(text, expires).encode(), signature.encode())


def expiry(lifetime: float) -> str:
    return f"{time.time() + lifetime:.3f}"


def is_past(expires: str) -> bool:
    return float(expires) <= time.time()


class InvalidTokenError(Exception):
    """The token was not issued here, or has expired."""


class Tokens:
    """Bearer tokens, each good for one repository until it expires."""

    def __init__(self) -> None:
        self._signer = Signer()

    def revoke(self) -> None:
        """Nothing that was issued so far is taken any more."""
        self._signer = Signer()

    def issue(self, repository: str, lifetime: float) -> str:
        expires = expiry(lifetime)
        # The nonce makes every token another one, as with any real issuer.
        content = f"{repository}\n{secrets.token_hex(8)}"
        token = "\n".join([expires, self._signer.sign(content, expires), content])
        return base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")

    def repository(self, token: str) -> str:
        """The repository that the token is good for; raises InvalidTokenError."""
        try:
            decoded = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
            expires, signature, repository, nonce = decoded.split("\n")
        except ValueError:
            raise InvalidTokenError("the token is malformed") from None
        if not self._signer.is_signed(f"{repository}\n{nonce}", expires, signature):
            raise InvalidTokenError("the token was not issued here")
        if is_past(expires):
            raise InvalidTokenError("the token has expired")
        return repository
