"""Names, tags and digests (OCI distribution specification 1.1, "Pulling manifests"), and upstream repositories."""

import hashlib
import re
from dataclasses import dataclass, field

import msgspec

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = rf"{_COMPONENT}(?:/{_COMPONENT})*\Z"
NAME = rf"\A(?=.{{1,255}}\Z){_PATH}"
TAG = r"\A[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}\Z"
DIGEST = r"\A(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})\Z"
MEDIA_TYPE = r"\A[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*\Z"

is_name = re.compile(NAME).match
is_tag = re.compile(TAG).match
is_digest = re.compile(DIGEST).match
is_media_type = re.compile(MEDIA_TYPE).match

_is_path = re.compile(_PATH).match
_is_host = re.compile(r"(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::[0-9]{1,5})?\Z").match
is_loopback = re.compile(r"(?:(?:.+\.)?localhost|127\.0\.0\.1|\[::1\])(?::[0-9]+)?\Z", re.IGNORECASE).match


def digest_of(body: bytes, like: str) -> str:
    """The digest of `body`, by the algorithm of the digest `like`."""
    algorithm = like.partition(":")[0]
    return f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"


class Auth(msgspec.Struct, frozen=True, gc=False):
    """The token endpoint of a registry."""

    realm: str
    service: str | None = None


@dataclass(frozen=True, slots=True)
class Repository:
    """
    Where an image comes from.

    `auth` is None if it has to be asked for; `tokenless`: known to be unneeded. `token` is the client's own, in
    passthrough: as part of the key of all that is kept, so that nobody is given what another one may see.
    """

    host: str
    path: str
    auth: Auth | None = None
    tokenless: bool = False
    token: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str, auth: Auth | None = None, tokenless: bool = False) -> "Repository":
        """Reads `host[:port]/path`. Raises ValueError."""
        host, _, path = text.partition("/")
        if not _is_host(host) or not _is_path(path):
            raise ValueError(f"{text!r} is not a repository: expected host[:port]/path")
        if host == "docker.io":
            host, path = "registry-1.docker.io", path if "/" in path else f"library/{path}"
        return cls(host, path, auth, tokenless)

    def url(self, endpoint: str) -> str:
        """Over plain HTTP on the machine itself, as docker does."""
        return f"{'http' if is_loopback(self.host) else 'https'}://{self.host}/v2/{self.path}/{endpoint}"
