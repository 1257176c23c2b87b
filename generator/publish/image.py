"""The index as an image of one layer, to be mounted (a Kubernetes image volume) or copied (`COPY --from`)."""

import gzip
import hashlib
import json
import os
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import oras.container
import oras.provider
import requests
import tenacity
from requests.adapters import HTTPAdapter

from generator.document import printable
from generator.errors import ConfigurationError, UpstreamError
from generator.reference import Repository, is_local, is_tag

# Of the image specification; every platform has the same layer, so that a node of either kind takes it.
_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_ARCHITECTURES = ("amd64", "arm64")

_TIMEOUT = 60

Descriptor = dict[str, Any]


class _Patient(HTTPAdapter):
    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        return super().send(request, **(options | {"timeout": _TIMEOUT}))


class _Registry(oras.provider.Registry):  # type: ignore[misc]
    """oras tries whatever failed again for two minutes, and says nothing; somebody may be waiting."""

    def do_request(self, *words: Any, **options: Any) -> requests.Response:
        once: Callable[..., requests.Response] = super().do_request.__wrapped__
        return _retrying(once, self, *words, **options)


_retrying = tenacity.Retrying(
    retry=tenacity.retry_if_exception_type((requests.ConnectionError, requests.Timeout)),
    stop=tenacity.stop_after_attempt(3),
    wait=tenacity.wait_exponential(0.5),
    reraise=True,
)


def push_image(folder: Path, target: str) -> str:
    """Pushes the index in `folder` to `target`, `host/path[:tag]`, with the credentials of `docker login`.

    The same index gives the same digest, which is returned. Raises `ConfigurationError` and `UpstreamError`.
    """
    container = _container(target)
    if not (folder / "index.json").exists():
        raise ConfigurationError(f"{folder}: has no index.json; refresh it first")
    registry = _Registry(insecure=is_local(container.registry))
    for scheme in ("http://", "https://"):
        registry.session.mount(scheme, _Patient())
    registry.auth.load_configs(container)
    with tempfile.TemporaryDirectory() as name:
        layer, unpacked = _layer(folder, Path(name) / "layer.tar.gz")
        try:
            return _push(registry, container, layer, unpacked, Path(name))
        except (requests.RequestException, ValueError, OSError) as error:
            raise UpstreamError(
                f"{target}: could not be pushed: {printable(error, 300)}; is `docker login` done?"
            ) from None


def _container(target: str) -> oras.container.Container:
    repository, _, tag = target.rpartition(":") if ":" in target.rpartition("/")[2] else (target, "", "latest")
    try:
        where = Repository.parse(repository)
    except ValueError as error:
        raise ConfigurationError(f"{printable(target)}: is no place for an image: {error}") from None
    if not where.path or not is_tag(tag):
        raise ConfigurationError(f"{printable(target)}: is no place for an image; write host/path or host/path:tag")
    return oras.container.Container(f"{repository}:{tag}")


def _layer(folder: Path, path: Path) -> tuple[Path, str]:
    """A layer with every file of the index and nothing of this machine in it; its digest when unpacked."""
    digest = hashlib.sha256()
    files = (each for each in folder.rglob("*") if each.is_file() and not each.is_symlink())
    with tempfile.TemporaryFile() as plain:
        with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for file in sorted(each for each in files if not each.name.startswith(".")):
                entry = tarfile.TarInfo(str(file.relative_to(folder)))
                entry.size, entry.mode = file.stat().st_size, 0o644
                with file.open("rb") as content:
                    tar.addfile(entry, content)
        plain.seek(0)
        with path.open("wb") as raw, gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as packed:
            while chunk := plain.read(1 << 20):
                digest.update(chunk)
                packed.write(chunk)
    return path, f"sha256:{digest.hexdigest()}"


def _push(
    registry: oras.provider.Registry, container: oras.container.Container, layer: Path, unpacked: str, folder: Path
) -> str:
    layers = [_upload(registry, container, layer, _LAYER)]
    manifests = []
    for architecture in _ARCHITECTURES:
        platform = {"architecture": architecture, "os": "linux"}
        file = folder / architecture
        file.write_bytes(_encoded(platform | {"rootfs": {"type": "layers", "diff_ids": [unpacked]}, "config": {}}))
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _upload(registry, container, file, _CONFIG),
            "layers": layers,
        }
        manifests.append(_put(registry, container, manifest) | {"platform": platform})
    index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": manifests, "annotations": _annotations(os.environ)}
    digest: str = _put(registry, container, index, container.tag)["digest"]
    return digest


def _annotations(environment: Mapping[str, str]) -> dict[str, str]:
    """GitHub shows a package with the repository that its source names, and lets it in who may see that."""
    named = {"org.opencontainers.image.title": "An index of reverse-registry"}
    if "GITHUB_REPOSITORY" in environment:
        server = environment.get("GITHUB_SERVER_URL", "https://github.com")
        named["org.opencontainers.image.source"] = f"{server}/{environment['GITHUB_REPOSITORY']}"
    return named


def _upload(
    registry: oras.provider.Registry, container: oras.container.Container, file: Path, media_type: str
) -> Descriptor:
    descriptor = _descriptor(file.read_bytes(), media_type)
    _check(registry.upload_blob(str(file), container, descriptor))
    return descriptor


def _put(
    registry: oras.provider.Registry, container: oras.container.Container, document: Descriptor, tag: str | None = None
) -> Descriptor:
    data = _encoded(document)
    descriptor = _descriptor(data, document["mediaType"])
    url = f"{registry.prefix}://{container.manifest_url(tag or descriptor['digest'])}"
    _check(registry.do_request(url, "PUT", data=data, headers={"Content-Type": document["mediaType"]}))
    return descriptor


def _descriptor(data: bytes, media_type: str) -> Descriptor:
    return {"mediaType": media_type, "digest": f"sha256:{hashlib.sha256(data).hexdigest()}", "size": len(data)}


def _encoded(document: Descriptor) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _check(response: requests.Response) -> None:
    if response.status_code not in (200, 201, 202):
        raise ValueError(f"{response.status_code} {response.text[:200]}")
