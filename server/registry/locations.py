"""For how long the address of a blob, signed or not, can be given to others than the one who asked."""

import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import time
from urllib.parse import unquote

from yarl import URL

HOLD, HOLD_UNSIGNED, DAY = 5.0, 2.0, 86400
"""Seconds; the second where nothing says how long an address is good."""

_moment = re.compile(
    r"""(?<![0-9a-z])(?:
    ([0-9]{10})(?:[0-9]{3}){0,3}|((?:6[89a-f]|7[0-9a-f])[0-9a-f]{6})
    |([0-9]{4}-?[0-9]{2}-?[0-9]{2}t[0-9]{2}:?[0-9]{2}(?::?[0-9]{2}(?:\.[0-9]+)?)?(?:z|[+-][0-9]{2}(?::?[0-9]{2})?)?)
    |([a-z]{3},[ +][0-9]{2}[ +][a-z]{3}[ +][0-9]{4}[ +][0-9:]{8}[ +]gmt)
    )(?![0-9a-z])""",
    re.VERBOSE,
).finditer
_parameters = re.compile(r"""(?<![\w-])([\w-]++)["']?[ ]*[=:][ ]*["']?(?=([^"'&~;/}]{0,40}))""").findall
_is_end = re.compile(r"se\Z|max-?age|s-maxage|.*(?:expir|exp\Z)").match
_json = re.compile(r"\be[wy][0AJko][A-Za-z0-9+/_~-]+").findall
_is_personal = re.compile(r"\b(?:no-store|no-cache|private)\b").search


def lifetime(url: URL, headers: Mapping[str, str]) -> float:
    """
    In seconds, 0 for not at all; at most half of what is left, so that who is given it last can still use it.

    What the answer says of itself holds as well (RFC 9111). Its `Date`, in whole seconds, is the clock that was signed
    by, unless a cache has had it since.
    """
    lines = [f"{name.lower()}={value.lower()}" for name, value in headers.items()]
    said = "&".join(line for line in lines if line.startswith(("cache-control=", "pragma=", "expires=")))
    if _is_personal(said):
        return 0.0
    date, age = next(_moments(headers.get("date", "").lower()), time()), headers.get("age", "")
    now = date + 1 + (int(age[:9]) if age.isdecimal() else 0)
    text = unquote(str(url))
    ends = list(_ends("&".join([text, said, *map(_decoded, _json(text))]).lower(), date))
    return max(0.0, min(HOLD, (min(ends) - now) / 2)) if ends else HOLD_UNSIGNED


def _decoded(encoded: str) -> str:
    """A policy of CloudFront, which has a base64 of its own, or a part of a JSON web token."""
    return urlsafe_b64decode(encoded.replace("~", "/") + "A" * (-len(encoded) % 4)).decode("latin-1")


def _ends(text: str, date: float) -> Iterator[float]:
    """
    Every time, since the epoch, that could be meant as the end: whatever lies within a day, and what is named so.

    `Expires` (CloudFront, GCS before), `se` (Azure), `exp` within a token (Akamai, a JSON web token); and in seconds
    `X-Amz-Expires`, since `X-Amz-Date` (S3, and `X-Goog-…` and others alike), and `max-age`.
    """
    yield from (moment for moment in _moments(text) if date < moment < date + DAY)
    parameters = _parameters(text)
    values = dict(parameters)
    for name, value in filter(lambda parameter: _is_end(parameter[0]), parameters):
        stated, begin = list(_moments(value)), values.get(f"{name.removesuffix('expires')}date")
        try:
            yield min(stated) if stated else int(value.partition(",")[0]) + (min(_moments(begin)) if begin else date)
        except ValueError:
            yield date


def _moments(text: str) -> Iterator[float]:
    """What reads as a time in text of lower case: seconds since the epoch or parts of them, ISO 8601, HTTP's dates."""
    for decimal, hexadecimal, iso, http in (found.groups() for found in _moment(text)):
        with suppress(ValueError):
            if decimal or hexadecimal:
                yield float(decimal or int(hexadecimal, 16))
            else:
                moment = datetime.fromisoformat(iso.upper()) if iso else parsedate_to_datetime(http.replace("+", " "))
                yield (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
