"""Another registry as the upstream: Debian's docker-registry, with no tokens, no CDN and no history."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.client import Skopeo
from tests.clients.processes import daemon, free_port, wait_for
from tests.clients.program import need
from tests.clients.serving import Serve
from tests.clients.test_skopeo import assert_identical
from tests.command import command
from tests.upstream import ExampleUpstream


@pytest.fixture
def docker_registry(tmp_path: Path) -> Iterator[str]:
    """Its host."""
    need("docker-registry")
    port = free_port()
    configuration = tmp_path / "registry.yml"
    configuration.write_text(
        f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {tmp_path}/registry\n"
        f"http:\n  addr: 127.0.0.1:{port}\nlog:\n  level: error\n"
    )
    with daemon(tmp_path / "registry.log", "docker-registry", "serve", configuration):
        wait_for(f"http://127.0.0.1:{port}/v2/")
        yield f"localhost:{port}"


def test_an_image_and_its_attestations_copied_there_are_indexed_and_pulled(
    skopeo: Skopeo, example_upstream: ExampleUpstream, docker_registry: str, serve: Serve, tmp_path: Path
) -> None:
    copy = ("copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false")
    source, target = f"docker://{example_upstream.repository('python')}", f"docker://{docker_registry}/mirror/python"
    index = skopeo.json("inspect", "--raw", "--tls-verify=false", f"{source}:latest")
    skopeo(*copy, f"{source}:latest", f"{target}:latest")
    for child in index["manifests"]:
        attestation = child["digest"].replace(":", "-") + ".att"
        skopeo(*copy, f"{source}:{attestation}", f"{target}:{attestation}")
    (tmp_path / "images.toml").write_text(
        f'upstream = "{docker_registry}/mirror"\n[images.python]\ntracks = ["latest"]\n'
    )
    done = command("refresh", "--index", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    served = serve(tmp_path)
    reference = f"docker://{served.host}/python:3.13"
    skopeo("copy", "--all", "--src-tls-verify=false", reference, f"dir:{tmp_path}/copy")
    assert_identical(skopeo, reference, tmp_path / "copy", served.digest("python", "3.13.2-r0"))
