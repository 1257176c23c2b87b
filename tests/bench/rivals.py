"""Other servers that can answer for a tag: Debian's docker-registry in pull-through mode, and an nginx `map`."""

import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.worker import SERVING, Worker, program
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
  map_hash_max_size 65536;
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
def nginx(index: Path) -> Iterator[Worker]:
    """All tags of an index."""
    port = free_port()
    entries = (
        f"    /v2/{image}/manifests/{tag} {digest};"
        for image in json.loads((index / "index.json").read_text())["images"]
        for tag, digest in json.loads((index / image / "index.json").read_text())["tags"].items()
    )
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder) / "nginx.conf"
        configuration.write_text(_NGINX.format(folder=folder, port=port, entries="\n".join(entries)))
        with program(port, "nginx", "-p", folder, "-c", configuration, core=SERVING) as worker:
            yield worker
