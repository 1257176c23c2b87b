"""Names of things in registries: repositories, tags and digests, by the OCI distribution specification."""

import re
from dataclasses import dataclass
from typing import Self

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}")
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = re.compile(rf"(?P<name>\[[0-9a-fA-F:]+\]|{_LABEL}(?:\.{_LABEL})*)(?::(?P<port>[0-9]{{1,5}}))?")

NAME_LENGTH = 255
DIGEST_PATTERN = rf"^(?:{_DIGEST.pattern})$"


def is_name(text: str) -> bool:
    """Whether `text` is a repository name (distribution-spec, "Pulling manifests")."""
    return len(text) <= NAME_LENGTH and _NAME.fullmatch(text) is not None


def is_tag(text: str) -> bool:
    return _TAG.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    return _DIGEST.fullmatch(text) is not None


def is_host(text: str) -> bool:
    """Whether `text` is `host[:port]`."""
    match = _HOST.fullmatch(text)
    return match is not None and int(match["port"] or 0) <= 65535


def is_local(host: str) -> bool:
    """Whether `host[:port]` is this machine, which is spoken to over plain HTTP, as docker does."""
    match = _HOST.fullmatch(host)
    name = match["name"].lower() if match else ""
    return name in {"localhost", "127.0.0.1", "[::1]"} or name.endswith(".localhost")


@dataclass(frozen=True, slots=True)
class Repository:
    """`host[:port]/path`; the path may be empty only where a name is still to be appended."""

    host: str
    path: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises `ValueError` with the reason."""
        if "://" in text:
            raise ValueError(f"{text!r} has a scheme; write host[:port]/path")
        host, _, path = text.partition("/")
        match = _HOST.fullmatch(host)
        if not match or not is_host(host) or not (match["port"] or "." in host or is_local(host)):
            raise ValueError(f"{text!r} does not begin with a registry host such as cgr.dev or localhost:5000")
        if path and not is_name(path):
            raise ValueError(
                f"{text!r}: {path!r} is not a repository name (lower-case letters, digits, and . _ - / between them)"
            )
        return cls(host, path)

    def child(self, name: str) -> "Repository":
        return Repository(self.host, f"{self.path}/{name}" if self.path else name)

    @property
    def endpoint(self) -> str:
        """The `host[:port]` that the API is spoken at."""
        if self.host == "docker.io":
            return "registry-1.docker.io"
        # oras takes a first component without a dot or a port for a namespace.
        return "localhost:80" if self.host == "localhost" else self.host

    @property
    def plain(self) -> bool:
        """Whether it is spoken to over plain HTTP."""
        return is_local(self.host)

    @property
    def api_path(self) -> str:
        """The path as the API knows it: Docker Hub's one-word images live in `library/`."""
        return f"library/{self.path}" if self.host == "docker.io" and "/" not in self.path else self.path

    def __str__(self) -> str:
        return f"{self.host}/{self.path}" if self.path else self.host
