"""
Other servers that can answer for a tag: Debian's docker-registry in pull-through mode, an nginx `map`, and nginx with
the file of server/deploy, whose cache answers for the server behind it.
"""

import contextlib
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.worker import SERVING, Worker, program
from tests.clients.documents import shipped
from tests.clients.https import CACHE, SERVER
from tests.clients.processes import free_port

_REGISTRY = """version: 0.1
storage:
  filesystem:
    rootdirectory: {folder}
http:
  addr: 127.0.0.1:{port}
proxy:
  remoteurl: {upstream}
log:
  level: error
  accesslog:
    disabled: true
"""

_NGINX = """daemon off;
master_process off;
user root;
worker_processes 1;
pid {folder}/pid;
error_log stderr error;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 100000000;
  include {folder}/site.conf;
}}
"""

_MAP = """map_hash_max_size 65536;
map_hash_bucket_size 512;
map $uri $digest {{
{entries}
}}
server {{
  listen 127.0.0.1:{port};
  location ~ ^(?<repository>/v2/.+/manifests/) {{
    if ($digest = "") {{ return 404; }}
    add_header Docker-Distribution-API-Version registry/2.0 always;
    add_header Cache-Control "public, max-age=60" always;
    add_header Docker-Content-Digest $digest always;
    if ($request_method = HEAD) {{ return 200; }}
    return 307 $repository$digest;
  }}
}}
"""


@contextlib.contextmanager
def docker_registry(upstream: str, core: int | None = SERVING) -> Iterator[Worker]:
    """With nothing in its cache; `upstream` is an URL."""
    port = free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        configuration = folder / "registry.yml"
        configuration.write_text(_REGISTRY.format(folder=folder / "storage", port=port, upstream=upstream))
        with program(port, "docker-registry", "serve", configuration, core=core) as worker:
            yield worker


@contextlib.contextmanager
def nginx_map(index: Path) -> Iterator[Worker]:
    """All tags of an index."""
    port = free_port()
    entries = (
        f"  /v2/{image}/manifests/{tag} {digest};"
        for image in json.loads((index / "index.json").read_text())["images"]
        for tag, digest in json.loads((index / image / "index.json").read_text())["tags"].items()
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        _nginx(folder, port, _MAP.format(port=port, entries="\n".join(entries))) as worker,
    ):
        yield worker


@contextlib.contextmanager
def nginx_cache(server: str) -> Iterator[Worker]:
    """In front of `server`, with the file that is shipped, but for TLS, which `load.py` does not speak."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        places = {"listen 443 ssl": f"listen 127.0.0.1:{port}", SERVER: server, CACHE: f"{folder}/cache"}
        site = re.sub(r"ssl_certificate.*\n", "\n", shipped("nginx.conf", places))
        with _nginx(folder, port, site) as worker:
            yield worker


@contextlib.contextmanager
def _nginx(folder: str, port: int, site: str) -> Iterator[Worker]:
    (Path(folder) / "site.conf").write_text(site)
    configuration = Path(folder) / "nginx.conf"
    configuration.write_text(_NGINX.format(folder=folder))
    with program(port, "nginx", "-p", folder, "-c", configuration, core=SERVING) as worker:
        yield worker
