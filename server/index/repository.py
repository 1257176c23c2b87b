"""Upstream repositories: where an image comes from."""

import re
from dataclasses import dataclass, field

from msgspec import Struct

from .names import PATH

_DOCKER_HUB = "registry-1.docker.io"
_is_path = re.compile(PATH).match
_is_host = re.compile(r"(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::[0-9]{1,5})?\Z").match
is_loopback = re.compile(r"(?:(?:.+\.)?localhost|127\.0\.0\.1|\[::1\])(?::[0-9]+)?\Z", re.IGNORECASE).match


class Auth(Struct, frozen=True, gc=False):
    """The token endpoint of a registry."""

    realm: str
    service: str | None = None

    @property
    def fields(self) -> dict[str, str]:
        """What the registry wants to be asked with, in a query or a form."""
        return {"service": self.service} if self.service else {}


@dataclass(frozen=True, slots=True)
class Repository:
    """
    `host` is in lower case, without the port that its scheme has anyway.

    `auth` is None if it has to be asked for; `tokenless`: known to be unneeded. `token` is the client's own, in
    passthrough: as part of the key of all that is cached, so that nobody is given what another one may see.
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
        host = host.lower()
        host = host.removesuffix(":80" if is_loopback(host) else ":443")
        if host in ("docker.io", "index.docker.io", _DOCKER_HUB):
            host, path = _DOCKER_HUB, path if "/" in path else f"library/{path}"
        return cls(host, path, auth, tokenless)

    def url(self, endpoint: str) -> str:
        """Over plain HTTP on the machine itself, as docker does."""
        return f"{'http' if is_loopback(self.host) else 'https'}://{self.host}/v2/{self.path}/{endpoint}"
