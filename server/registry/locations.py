"""For how long the address of a blob, signed or not, can be given to others than the one who asked."""

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from yarl import URL

HOLD, HOLD_UNSIGNED = 5.0, 2.0
"""Seconds; the latter where an address does not say how long it is good."""

_epochs = re.compile(r"(?<![0-9])[0-9]{10}(?![0-9])").findall
_max_age = re.compile(r"max-age=([0-9]{1,9})(?![0-9])").search
_is_personal = re.compile(r"\b(?:no-store|no-cache|private)\b").search


def lifetime(url: URL, headers: Mapping[str, str]) -> float:
    """
    In seconds, 0 for not at all; at most half of what is left, so that who is given it last can still use it.

    What the answer's `Cache-Control` says holds as well. Its `Date`, in whole seconds, is the clock that was signed by.
    """
    cache_control = headers.get("cache-control", "").lower()
    if _is_personal(cache_control):
        return 0.0
    now = datetime.now(UTC)
    with suppress(ValueError):
        now = parsedate_to_datetime(headers["date"]) + timedelta(seconds=1) if "date" in headers else now
    expiries = list(_expiries({name.lower(): value for name, value in url.query.items()}, now.timestamp()))
    held = min(HOLD, (min(expiries) - now.timestamp()) / 2) if expiries else HOLD_UNSIGNED
    stated = _max_age(cache_control)
    return max(0.0, min(held, float(stated[1])) if stated else held)


def _expiries(query: Mapping[str, str], now: float) -> Iterator[float]:
    """
    Every time, since the epoch, that a signed query could mean as its end.

    `X-Amz-Date` and `X-Amz-Expires` (S3, and `X-Goog-…` and others alike), `Expires` and `Policy` (CloudFront, S3, GCS
    before), `se` (Azure), `exp=…` within a token (Akamai), `verify=<time>-…` (Cloudflare).
    """
    for name, value in query.items():
        begins = query.get(f"{name.removesuffix('-expires')}-date") if name.endswith("-expires") else None
        if begins:
            try:
                yield datetime.strptime(f"{begins}+0000", "%Y%m%dT%H%M%SZ%z").timestamp() + float(value)
            except ValueError:
                yield now
            continue
        names_the_end = name == "se" or "exp" in name
        for epoch in map(float, _epochs(_decoded(value) if name == "policy" else value)):
            if names_the_end or epoch > now:
                yield epoch
        if names_the_end:
            with suppress(ValueError):
                yield datetime.fromisoformat(value).replace(tzinfo=UTC).timestamp()


def _decoded(policy: str) -> str:
    """CloudFront's, in its own base64."""
    with suppress(ValueError):
        return b64decode(policy.translate(str.maketrans("-_~", "+=/"))).decode("latin-1")
    return ""
