"""The example upstream as a whole: a registry, its CDN, what they hold, and what tests can do to them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from tests.upstream.build import Build
from tests.upstream.cdn import Cdn
from tests.upstream.faults import Fault, Faults, Faulty
from tests.upstream.images import CATALOGUE, Move
from tests.upstream.options import Options
from tests.upstream.registry import Registry
from tests.upstream.repository import Repository
from tests.upstream.requests import Recorder, Requests
from tests.upstream.serving import Serving, listen, listen_on_localhost

if TYPE_CHECKING:
    from tests.upstream.tls import Authority

ORGANISATION = "chainguard"
OVER_TLS = "127.0.0.2"
"""Where the registry is over HTTPS: this machine, but by none of the names that clients speak plain HTTP to."""


class ExampleUpstream:
    """A context manager around a running upstream, on ephemeral ports unless told otherwise.

    Raises PortInUseError. Images are named as in the catalogue, "nginx"; a name with a slash in it is a
    whole repository's. With `tls` both sides speak HTTPS, with certificates of `authority`.
    """

    def __init__(
        self,
        options: Options | None = None,
        *,
        catalogue: Iterable[Move] = CATALOGUE,
        port: int = 0,
        cdn_port: int = 0,
        seed: int = 0,
        tls: bool = False,
    ) -> None:
        self.options = options or Options()
        self.requests = Requests()
        self.faults = Faults(seed)
        self.repositories: dict[str, Repository] = {}
        for move in catalogue:
            self.push(move.build, move.tag, at=move.at)
        self._authority = _authority() if tls else None
        self._scheme = "https" if tls else "http"
        self._serving = self._serve(port, cdn_port)

    def _serve(self, port: int, cdn_port: int) -> Serving:
        cdn_listener = listen("127.0.0.1", cdn_port)
        try:
            listeners = [listen(OVER_TLS, port)] if self._authority else listen_on_localhost(port)
        except BaseException:
            cdn_listener.close()
            raise
        port, cdn_port = listeners[0].getsockname()[1], cdn_listener.getsockname()[1]
        name = OVER_TLS if self._authority else "localhost"
        self.host, self.cdn_host = f"{name}:{port}", f"127.0.0.1:{cdn_port}"
        cdn = Cdn(f"{self._scheme}://{self.cdn_host}", self.repositories)
        registry = self._registry = Registry(self.url, self.options, self.repositories, cdn)
        sides = {"registry": (port, registry.app), "cdn": (cdn_port, cdn.app)}
        apps = {at: Recorder(Faulty(app, side, self.faults), side, self.requests) for side, (at, app) in sides.items()}
        return Serving(apps, [*listeners, cdn_listener], self._authority)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._serving.close()
        if self._authority:
            self._authority.close()

    @property
    def url(self) -> str:
        return f"{self._scheme}://{self.host}"

    @property
    def authority(self) -> str:
        """The certificate that a client has to trust, as PEM; only with `tls`."""
        assert self._authority, "this upstream speaks plain HTTP"
        return self._authority.pem

    def repository(self, image: str) -> str:
        """What a client calls it: "localhost:40123/chainguard/nginx"."""
        return f"{self.host}/{self._name(image)}"

    def store(self, image: str) -> Repository:
        """What is kept of the image; empty where the name is new."""
        name = self._name(image)
        return self.repositories.setdefault(name, Repository(name))

    def push(self, build: Build, *tags: str, at: datetime | None = None) -> str:
        """Add a build and its attestations, and point the tags at it. Gives the digest of its index."""
        store = self.store(build.image)
        store.push(build.index)
        for tag, attestations in build.attestations.items():
            store.push(attestations, tag)
        for tag in tags:
            store.point(tag, build.digest, at or build.published)
        return build.digest

    def point(self, image: str, tag: str, digest: str, at: datetime | None = None) -> None:
        """Move a tag, now or at that time, as its history will say."""
        self.store(image).point(tag, digest, at or datetime.now(UTC))

    def forget(self, image: str, digest: str) -> None:
        """Lose a manifest: 404 from now on, though tags and history still name it."""
        self.store(image).forget(digest)

    def revoke_tokens(self) -> None:
        """Every token is refused from now on, as if it had expired."""
        self._registry.tokens.revoke()

    def inject(self, *faults: Fault) -> None:
        self.faults.inject(*faults)

    @staticmethod
    def _name(image: str) -> str:
        return image if "/" in image else f"{ORGANISATION}/{image}"


def _authority() -> "Authority":
    # What `make run` installs has no need of certificates.
    from tests.upstream.tls import Authority

    return Authority(OVER_TLS, "127.0.0.1", "localhost")
