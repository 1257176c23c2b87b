"""What a registry asks for with a 401: `WWW-Authenticate` (RFC 9110, 11.6.1)."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from generator.document import printable
from generator.errors import UpstreamError

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_URL = re.compile(r"[\x21-\x7e]+")
_CHALLENGE = re.compile(rf'({_WORD})(?:[ \t]*(=)[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+)))?')


@dataclass(frozen=True, slots=True)
class Realm:
    """Where a repository's tokens come from, as its `WWW-Authenticate: Bearer` challenge says (RFC 6750, 3)."""

    url: str
    service: str | None

    @classmethod
    def of(cls, challenge: str, plain: bool) -> "Realm":
        """Raises `UpstreamError` where the challenge names no bearer realm that may be asked."""
        fields = _fields(challenge, "bearer")
        if "realm" not in fields:
            raise UpstreamError(f"asks for authentication that anonymous reading cannot give: {printable(challenge)!r}")
        realm = cls(_without_scope(fields["realm"]), fields.get("service") or None)
        realm.check(plain)
        return realm

    def check(self, plain: bool) -> None:
        """An upstream spoken to over HTTPS may not send its clients to a realm without it."""
        allowed = ("http", "https") if plain else ("https",)
        is_url = _URL.fullmatch(self.url) is not None
        try:
            parts = urlsplit(self.url)
            is_host = bool(parts.hostname) and parts.username is None and (parts.port is None or parts.port > 0)
        except ValueError:
            is_host = False
        if not is_url or not is_host or parts.scheme not in allowed:
            raise UpstreamError(f"names a token realm that is not to be trusted: {printable(self.url)!r}")

    @property
    def host(self) -> str:
        """`host[:port]`, as the URL has it."""
        return urlsplit(self.url).netloc


def asks_for_basic(challenge: str) -> bool:
    """Whether it asks for a name and password at the registry itself (RFC 7617), and for no token."""
    schemes = {word.lower() for word, is_field, _, _ in _CHALLENGE.findall(challenge) if not is_field}
    return "basic" in schemes and not _fields(challenge, "bearer").get("realm")


def _without_scope(url: str) -> str:
    """nvcr.io states its realm with the scope that was asked for: a registry's other repositories have the same one."""
    address, mark, query = url.partition("?")
    kept = "&".join(part for part in query.split("&") if not part.startswith("scope="))
    return f"{address}{mark if kept else ''}{kept}"


def _fields(challenge: str, wanted: str) -> dict[str, str]:
    scheme, found = "", dict[str, str]()
    for word, is_field, quoted, bare in _CHALLENGE.findall(challenge):
        if not is_field:
            scheme = word.lower()
        elif scheme == wanted:
            found.setdefault(word.lower(), re.sub(r"\\(.)", r"\1", quoted) or bare)
    return found
