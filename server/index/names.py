"""Names, tags and digests (OCI distribution specification 1.1, "Pulling manifests")."""

import hashlib
import re

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
PATH = rf"{_COMPONENT}(?:/{_COMPONENT})*\Z"
NAME = rf"\A(?=.{{1,255}}\Z){PATH}"
TAG = r"\A[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}\Z"
DIGEST = r"\A(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})\Z"
MEDIA_TYPE = r"\A[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*\Z"

is_name = re.compile(NAME).match
is_tag = re.compile(TAG).match
is_digest = re.compile(DIGEST).match
is_media_type = re.compile(MEDIA_TYPE).match


def digest_of(body: bytes, like: str) -> str:
    """The digest of `body`, by the algorithm of the digest `like`."""
    algorithm = like.partition(":")[0]
    return f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"


def alphabetical(tag: str) -> tuple[str, str]:
    """Lexical order is without regard to case (OCI distribution specification 1.1, "Listing tags")."""
    return tag.lower(), tag
