"""docker: pull and inspect."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.clients.client import Docker
from tests.clients.program import need
from tests.clients.serving import Served

IMAGE, VERSION = "example/nginx", "1.27.4"


def test_pulls_a_version(docker: Docker, served: Served) -> None:
    reference = f"{served.host}/{IMAGE}:{VERSION}"
    assert f"Digest: {served.digest(IMAGE, VERSION)}" in docker("pull", reference)
    assert docker("image", "ls", "--format={{.Repository}}:{{.Tag}}").split() == [reference]


def test_pulls_a_digest(docker: Docker, served: Served) -> None:
    reference = f"{served.host}/{IMAGE}@{served.digest(IMAGE, VERSION)}"
    docker("pull", reference)
    (inspected,) = docker.json("image", "inspect", reference)
    assert inspected["RepoDigests"] == [reference]


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_pulls_one_platform(docker: Docker, served: Served, architecture: str) -> None:
    reference = f"{served.host}/{IMAGE}:{VERSION}"
    docker("pull", f"--platform=linux/{architecture}", reference)
    assert docker("image", "inspect", "--format={{.Architecture}}", reference).strip() == architecture


def test_pulls_all_tags(docker: Docker, served: Served) -> None:
    docker("pull", "--all-tags", f"{served.host}/example/postgres")
    tags = docker("image", "ls", "--format={{.Tag}}").split()
    assert set(tags) == served.tags("example/postgres")


def test_shows_all_platforms(docker: Docker, served: Served) -> None:
    index = docker.json("manifest", "inspect", "--insecure", f"{served.host}/{IMAGE}:{VERSION}")
    assert [each["platform"]["architecture"] for each in index["manifests"]] == ["amd64", "arm64"]


def test_shows_the_manifest_of_every_platform(docker: Docker, served: Served) -> None:
    shown = docker.json("manifest", "inspect", "--insecure", "--verbose", f"{served.host}/{IMAGE}:{VERSION}")
    assert [each["OCIManifest"]["layers"][0]["size"] > 0 for each in shown] == [True, True]


def test_is_told_that_there_is_no_such_version(docker: Docker, served: Served) -> None:
    assert "manifest unknown" in docker.refused("pull", f"{served.host}/{IMAGE}:9.9")


def test_builds_on_versions_with_buildkit(docker: Docker, served: Served, tmp_path: Path) -> None:
    """Debian's docker has BuildKit in it; newer ones want a plugin for it."""
    program = "/usr/bin/docker"
    need(program)
    buildkit = replace(
        docker, words=(program, *docker.words[1:]), environment={**docker.environment, "DOCKER_BUILDKIT": "1"}
    )
    base = f"{served.host}/example/postgres:17"
    lines = f"FROM {served.host}/{IMAGE}:{VERSION} AS web\nFROM {base}\nCOPY --from=web / /web/\n"
    (tmp_path / "Dockerfile").write_text(lines)
    buildkit("build", "--quiet", "--tag=built", tmp_path)
    docker("pull", base)
    built, base = (docker.json("image", "inspect", name)[0]["RootFS"]["Layers"] for name in ("built", base))
    assert built[:-1] == base
