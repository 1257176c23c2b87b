"""podman: pull, inspect, search."""

import dataclasses
from pathlib import Path

import pytest

from tests.clients.client import Podman
from tests.clients.serving import Served

IMAGE, VERSION = "example/nginx", "1.27.4"
PLAIN = "--tls-verify=false"


def test_pulls_a_version(podman: Podman, served: Served) -> None:
    reference = f"{served.host}/{IMAGE}:{VERSION}"
    podman("pull", "--quiet", PLAIN, reference)
    assert f"{served.host}/{IMAGE}@{served.digest(IMAGE, VERSION)}" in digests(podman, reference)


def test_pulls_a_digest(podman: Podman, served: Served) -> None:
    reference = f"{served.host}/{IMAGE}@{served.digest(IMAGE, VERSION)}"
    podman("pull", "--quiet", PLAIN, reference)
    assert reference in digests(podman, reference)


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_pulls_one_platform(podman: Podman, served: Served, architecture: str) -> None:
    reference = f"{served.host}/{IMAGE}:{VERSION}"
    podman("pull", "--quiet", PLAIN, f"--platform=linux/{architecture}", reference)
    assert podman("image", "inspect", "--format={{.Architecture}}", reference).strip() == architecture


def test_pulls_all_tags(podman: Podman, served: Served, tmp_path: Path) -> None:
    trusting(podman, served, tmp_path)("pull", "--quiet", "--all-tags", f"{served.host}/example/postgres")
    images = podman("image", "list", "--format={{.Repository}}:{{.Tag}}").split()
    assert set(images) == {f"{served.host}/example/postgres:{tag}" for tag in served.tags("example/postgres")}


def test_shows_all_platforms(podman: Podman, served: Served, tmp_path: Path) -> None:
    index = trusting(podman, served, tmp_path).json("manifest", "inspect", f"{served.host}/{IMAGE}:{VERSION}")
    assert [each["platform"]["architecture"] for each in index["manifests"]] == ["amd64", "arm64"]


def test_lists_tags(podman: Podman, served: Served) -> None:
    listed = podman.json("search", "--list-tags", "--limit=100", "--format=json", PLAIN, f"{served.host}/{IMAGE}")
    assert set(listed[0]["Tags"]) == served.tags(IMAGE)


def test_finds_an_image(podman: Podman, served: Served) -> None:
    found = podman("search", "--format={{.Name}}", PLAIN, f"{served.host}/postgres").split()
    assert f"{served.host}/example/postgres" in found


def digests(podman: Podman, reference: str) -> list[str]:
    (inspected,) = podman.json("image", "inspect", reference)
    found: list[str] = inspected["RepoDigests"]
    return found


def trusting(podman: Podman, served: Served, folder: Path) -> Podman:
    """Some commands have no `--tls-verify`, or forget it: a configuration says that the server speaks plain HTTP."""
    configuration = folder / "registries.conf"
    configuration.write_text(f'[[registry]]\nlocation = "{served.host}"\ninsecure = true\n')
    return dataclasses.replace(podman, environment={"CONTAINERS_REGISTRIES_CONF": str(configuration)})
