"""The credentials that people have already: docker's `config.json` and podman's `auth.json`.

Sources: containers-auth.json(5) for the files, their order and their keys by path; docker's `config.json` for `auths`,
`credHelpers`, `credsStore` and identity tokens; docker-credential-helpers for the helpers' protocol. oras reads
docker's file only, by host, waits for a helper without end, and takes an identity token for a password.
"""

import binascii
import contextlib
import os
import re
import signal
import subprocess
import tempfile
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from msgspec import Struct

from generator.document import decode, printable
from generator.errors import ConfigurationError, MalformedError
from generator.reference import Repository

SWITCH = "REVERSE_REGISTRY_CREDENTIALS"

_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HELPER_SECONDS = 30.0
_SIZE = 4 * 1024 * 1024
_DOCKER_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
# What docker writes as a helper's user name where the secret is an identity token.
_IDENTITY_TOKEN = "<token>"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Credentials:
    """Of one entry: a user's name and password, an identity token, or a bearer token for the registry itself.

    `source` says where it stands, and is shown.
    """

    source: str
    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """For `Authorization` (RFC 7617)."""
        return f"Basic {b64encode(f'{self.username}:{self.password}'.encode()).decode()}"


class _Entry(Struct, frozen=True, rename="lower"):
    auth: str = ""
    username: str = ""
    password: str = ""
    identitytoken: str = ""
    registrytoken: str = ""


class _Config(Struct, frozen=True, rename="camel"):
    auths: Mapping[str, _Entry | None] | None = None
    cred_helpers: Mapping[str, str] | None = None
    creds_store: str = ""


class _Answer(Struct, frozen=True, rename="pascal"):
    username: str = ""
    secret: str = ""


class CredentialStore:
    """Looks credentials up by repository; a helper is asked once for a key, and once more when what it gave is refused.

    Safe to share between threads.
    """

    def __init__(self, files: tuple[Path, ...]) -> None:
        """Raises `ConfigurationError` where a file that is there cannot be read."""
        self._configs = tuple((file, config) for file in files if (config := _load(file)))
        self._helped: dict[tuple[str, str], _Answer | ConfigurationError | None] = {}
        self._forgotten: set[str] = set()
        self._lock = threading.Lock()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "CredentialStore":
        """Raises `ConfigurationError`, also where `REVERSE_REGISTRY_CREDENTIALS` says anything but `none`."""
        match environment.get(SWITCH, ""):
            case "none":
                return cls(())
            case "":
                return cls(tuple(_files(environment)))
            case other:
                raise ConfigurationError(f"{SWITCH} is {printable(other)!r}; it may be none, or not be set")

    def find(self, repository: Repository) -> Credentials | None:
        """The most specific entry of the first file that has one for the repository; None where none has.

        Raises `ConfigurationError` where that entry or its helper is broken: what is private must not be asked for
        anonymously in its place.
        """
        for file, config in self._configs:
            for key in _keys(repository):
                if found := self._entry(file, config, key):
                    return found
        return None

    def forget(self, credentials: Credentials) -> None:
        """A helper that gave these is asked again, once: they may have been for an hour only."""
        secret = credentials.identity_token or credentials.password
        with self._lock:
            if secret in self._forgotten:
                return
            self._forgotten.add(secret)
            self._helped = {asked: answer for asked, answer in self._helped.items() if _secret(answer) != secret}

    def _entry(self, file: Path, config: _Config, key: str) -> Credentials | None:
        helpers = {_normal(name): helper for name, helper in (config.cred_helpers or {}).items()}
        entries = {_normal(name): (name, entry) for name, entry in (config.auths or {}).items()}
        name, entry = entries.get(key, (key, None))
        source = f"the entry {printable(name)} of {file}"
        if helper := helpers.get(key):
            return self._ask(helper, key, f"the helper {printable(helper)} for {printable(key)} of {file}")
        if entry and (entry.auth or entry.username or entry.identitytoken or entry.registrytoken):
            return _of_entry(entry, source)
        if config.creds_store and "/" not in key:
            where = f"the store {printable(config.creds_store)} of {file}"
            return self._ask(config.creds_store, name if entry is not None else _server(key), where)
        return None

    def _ask(self, helper: str, server: str, source: str) -> Credentials | None:
        with self._lock:
            if (helper, server) not in self._helped:
                try:
                    self._helped[helper, server] = _helped(helper, server, source)
                except ConfigurationError as error:
                    self._helped[helper, server] = error
            answer = self._helped[helper, server]
        if answer is None:
            return None
        if isinstance(answer, ConfigurationError):
            raise answer
        if answer.username == _IDENTITY_TOKEN:
            return Credentials(source, identity_token=answer.secret)
        return Credentials(source, answer.username, answer.secret)


def _secret(answer: _Answer | ConfigurationError | None) -> str | None:
    return answer.secret if isinstance(answer, _Answer) else None


def _files(environment: Mapping[str, str]) -> Iterator[Path]:
    """In podman's order; `REGISTRY_AUTH_FILE` stands for all of them, as there."""
    if chosen := environment.get("REGISTRY_AUTH_FILE"):
        yield Path(chosen)
        return
    home = Path(environment.get("HOME") or "/")
    if docker := environment.get("DOCKER_CONFIG"):
        yield Path(docker) / "config.json"
    if runtime := environment.get("XDG_RUNTIME_DIR"):
        yield Path(runtime) / "containers/auth.json"
    yield Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "containers/auth.json"
    yield home / ".docker/config.json"


def _load(file: Path) -> _Config | None:
    try:
        with file.open("rb") as opened:
            data = opened.read(_SIZE + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}; {SWITCH}=none reads none") from None
    if len(data) > _SIZE:
        raise ConfigurationError(f"{file}: over {_SIZE} bytes, which is no file of credentials")
    try:
        return decode(data or b"{}", _Config, str(file))
    except MalformedError:
        # The decoder's message could hold what stands there.
        raise ConfigurationError(f"{file}: no JSON with auths, as credentials have; {SWITCH}=none reads none") from None


def _keys(repository: Repository) -> Iterator[str]:
    """Most specific first: `host/a/b`, `host/a`, `host` (containers-auth.json, "FORMAT")."""
    host = _normal(repository.host)
    parts = [host, *repository.api_path.split("/")]
    for length in range(len(parts), 0, -1):
        yield "/".join(parts[:length])


@cache
def _normal(key: str) -> str:
    """A key without what docker adds to a host: `https://index.docker.io/v1/` is `docker.io`."""
    scheme, has_scheme, rest = key.rpartition("://")
    bare = (rest if has_scheme and scheme in {"http", "https"} else key).rstrip("/")
    host, _, path = bare.partition("/")
    if has_scheme or path in {"v1", "v2"}:
        path = "" if path in {"v1", "v2"} else path
    host = "docker.io" if host.lower() in _DOCKER_HUB else host.lower()
    return f"{host}/{path}" if path else host


def _server(key: str) -> str:
    """What a store knows a host as."""
    return "https://index.docker.io/v1/" if key == "docker.io" else key


def _of_entry(entry: _Entry, source: str) -> Credentials:
    username, password = entry.username, entry.password
    if entry.auth:
        try:
            username, colon, password = b64decode(entry.auth, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            colon = ""
        if not colon:
            raise ConfigurationError(f"{source}: auth is not base64 of NAME:PASSWORD")
    # docker pads what it stores with zero bytes.
    password = password.rstrip("\0")
    if not _is_printable(username + password + entry.identitytoken + entry.registrytoken):
        raise ConfigurationError(f"{source}: holds characters that no request may hold")
    return Credentials(source, username, password, entry.identitytoken, entry.registrytoken)


def _is_printable(text: str) -> bool:
    return all(" " <= character != "\x7f" for character in text)


def _helped(helper: str, server: str, source: str) -> _Answer | None:
    """None where the helper has nothing for the server. Raises `ConfigurationError`, without what it printed."""
    if not _HELPER.fullmatch(helper):
        raise ConfigurationError(f"{source}: no name of a helper")
    command = f"docker-credential-{helper}"
    try:
        status, printed = _run([command, "get"], server.encode())
    except FileNotFoundError:
        raise ConfigurationError(f"{source}: {command} is not installed; {SWITCH}=none reads no credentials") from None
    except subprocess.TimeoutExpired:
        raise ConfigurationError(f"{source}: {command} gave no answer in {_HELPER_SECONDS:.0f} s") from None
    except OSError as error:
        raise ConfigurationError(f"{source}: {command} cannot be run: {error.strerror}") from None
    if status:
        if b"not found" in printed.lower():
            return None
        raise ConfigurationError(f"{source}: {command} failed with status {status}")
    try:
        answer = decode(printed, _Answer, command)
    except MalformedError:
        raise ConfigurationError(f"{source}: {command} printed no credentials") from None
    if not answer.secret or not _is_printable(answer.username + answer.secret):
        raise ConfigurationError(f"{source}: {command} printed no credentials")
    return answer


def _run(command: list[str], entered: bytes) -> tuple[int, bytes]:
    """Its status and what it printed. With all that it started it is ended after a while: `subprocess.run` would wait
    for who else holds the pipe."""
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=printed, stderr=printed, start_new_session=True
        )
        assert process.stdin  # noqa: S101
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(entered)
            process.stdin.close()
        try:
            status = process.wait(_HELPER_SECONDS)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        printed.seek(0)
        return status, printed.read(_SIZE)
