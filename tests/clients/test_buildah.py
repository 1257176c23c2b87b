"""buildah: pull, and images built on top of what the server has."""

from pathlib import Path

from tests.clients.client import Podman
from tests.clients.serving import Served

IMAGE, VERSION = "example/nginx", "1.27.4"
PLAIN = "--tls-verify=false"


def test_pulls_a_version(buildah: Podman, served: Served) -> None:
    reference = f"{served.host}/{IMAGE}:{VERSION}"
    buildah("pull", "--quiet", PLAIN, reference)
    (image,) = buildah.json("images", "--json", reference)
    assert image["digest"] == served.digest(IMAGE, VERSION)


def test_pulls_a_digest_for_another_platform(buildah: Podman, served: Served) -> None:
    reference = f"{served.host}/{IMAGE}@{served.digest(IMAGE, VERSION)}"
    buildah("pull", "--quiet", PLAIN, "--arch=arm64", reference)
    assert buildah("inspect", "--type=image", "--format={{.OCIv1.Architecture}}", reference).strip() == "arm64"


def test_takes_all_platforms_into_a_manifest_list(buildah: Podman, served: Served) -> None:
    buildah("manifest", "create", "all")
    buildah("manifest", "add", "--all", PLAIN, "all", f"docker://{served.host}/{IMAGE}:{VERSION}")
    platforms = [each["platform"]["architecture"] for each in buildah.json("manifest", "inspect", "all")["manifests"]]
    assert platforms == ["amd64", "arm64"]


def test_builds_from_a_version(buildah: Podman, served: Served, tmp_path: Path) -> None:
    (tmp_path / "Containerfile").write_text(f"FROM {served.host}/{IMAGE}:{VERSION}\nCOPY Containerfile /\n")
    buildah("build", "--isolation=chroot", PLAIN, "--tag=built", tmp_path)
    (built,) = buildah.json("images", "--json", "built")
    assert built["names"] == ["localhost/built:latest"]
