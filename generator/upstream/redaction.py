"""Errors without the secrets that an upstream may have repeated: they end up in public logs."""

import base64
from urllib.parse import quote, quote_plus

_HIDDEN = "***"
_SHORTEST = 4


def hide(text: str, *secrets: str) -> str:
    """`text` without any of `secrets`, as they are or encoded for a URL or in base64."""
    for secret in secrets:
        if len(secret) >= _SHORTEST:
            encoded = base64.b64encode(secret.encode()).decode()
            for form in (secret, quote(secret, safe=""), quote_plus(secret), encoded):
                text = text.replace(form, _HIDDEN)
    return text
