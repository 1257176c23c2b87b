"""Caddy and nginx in front of the server, each with the file that is shipped for it."""

import contextlib
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.clients.documents import block, shipped
from tests.clients.processes import daemon, free_port, listens, wait_until
from tests.clients.program import Program, need
from tests.example import ROOT

SITE, SERVER = "registry.example.com", "127.0.0.1:8000"
CACHE = "/var/cache/reverse-registry"
CERTIFICATE = ("fullchain.pem", "privkey.pem")

# Nothing of the machine's: no administration port, no redirects at port 80, a certificate authority of its own.
CADDY = """\
{{
	admin off
	auto_https disable_redirects
	skip_install_trust
	default_bind 127.0.0.1
	storage file_system {folder}/storage
	servers {{
		protocols h1 h2
	}}
}}
"""

NGINX = """\
user root;
daemon off;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
    log_format cache "$request_method $request_uri $upstream_cache_status";
    access_log {folder}/access.log cache;
    client_body_temp_path {folder}/temporary/body;
    proxy_temp_path {folder}/temporary/proxy;
    include {folder}/site.conf;
}}
"""


@dataclass(frozen=True)
class Https:
    """A proxy with TLS: clients that trust `authority`, a PEM file, reach it at `host`. `direct` is what is behind."""

    host: str
    authority: Path
    direct: str

    @property
    def url(self) -> str:
        return f"https://{self.host}"


def browser(https: Https) -> httpx.Client:
    trust = ssl.create_default_context(cafile=str(https.authority))
    return httpx.Client(base_url=https.url, verify=trust, headers={"Accept-Encoding": "identity"})


def shakes_hands(port: int, authority: Path) -> bool:
    """Whether it has a certificate, and sends it: it listens before that."""
    with contextlib.suppress(OSError), socket.create_connection(("localhost", port), timeout=5) as connection:
        trust = ssl.create_default_context(cafile=str(authority))
        with trust.wrap_socket(connection, server_hostname="localhost"):
            return True
    return False


Proxy = Callable[[Path, int, int], contextlib.AbstractContextManager[Path]]


@contextlib.contextmanager
def caddy(folder: Path, port: int, server: int) -> Iterator[Path]:
    need("caddy")
    site = shipped("Caddyfile", {SITE: f"localhost:{port}", SERVER: f"127.0.0.1:{server}"})
    (folder / "Caddyfile").write_text(CADDY.format(folder=folder) + site)
    authority, log = folder / "storage" / "pki" / "authorities" / "local" / "root.crt", folder / "caddy.log"
    command = ("caddy", "run", "--config", folder / "Caddyfile", "--adapter=caddyfile")
    with daemon(log, *command, environment={"HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}) as process:
        wait_until(lambda: shakes_hands(port, authority), process, log)
        yield authority


@contextlib.contextmanager
def nginx(folder: Path, port: int, server: int) -> Iterator[Path]:
    need("nginx", "openssl")
    certificate, key = (folder / name for name in CERTIFICATE)
    kind = ("-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    Program(("openssl", "req"))(*kind, *subject, "-keyout", key, "-out", certificate)
    site = {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        f"/etc/ssl/{SITE}/{CERTIFICATE[0]}": str(certificate),
        f"/etc/ssl/{SITE}/{CERTIFICATE[1]}": str(key),
        SITE: "localhost",
        SERVER: f"127.0.0.1:{server}",
        CACHE: f"{folder}/cache",
    }
    (folder / "site.conf").write_text(shipped("nginx.conf", site))
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder))
    (folder / "temporary").mkdir()
    log = folder / "nginx.log"
    with daemon(log, "nginx", "-e", "stderr", "-p", folder, "-c", folder / "nginx.conf") as process:
        wait_until(lambda: listens(port), process, log)
        yield certificate


PROXIES: dict[str, Proxy] = {"caddy": caddy, "nginx": nginx}


@contextlib.contextmanager
def behind(proxy: Proxy, folder: Path, index: Path, app: str = "server.app:app", **settings: str) -> Iterator[Https]:
    """The server, run by the very command of tls.md, behind a proxy."""
    port, server = free_port(), free_port()
    command = block(
        "tls.md",
        "uvicorn",
        {
            "REVERSE_REGISTRY_INDEX=index": f"REVERSE_REGISTRY_INDEX={index}",
            SITE: f"localhost:{port}",
            "--port 8000": f"--port {server}",
            "uvicorn server.app:app": f"exec {sys.executable} -m uvicorn {app}",
        },
    )
    log = folder / "server.log"
    with daemon(log, "bash", "-c", command, cwd=ROOT, environment=settings) as process:
        wait_until(lambda: listens(server), process, log)
        with proxy(folder, port, server) as authority:
            yield Https(f"localhost:{port}", authority, f"http://127.0.0.1:{server}")
