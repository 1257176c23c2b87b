"""skopeo: inspect, list, copy and sync."""

import hashlib
import json
from pathlib import Path

import pytest

from tests.clients.client import Skopeo
from tests.clients.serving import Served
from tests.upstream import ExampleUpstream

IMAGE, VERSION = "example/nginx", "1.27.4"
PLAIN = "--tls-verify=false"


def test_inspects_a_version(skopeo: Skopeo, served: Served) -> None:
    inspected = skopeo.json("inspect", PLAIN, f"docker://{served.host}/{IMAGE}:{VERSION}")
    assert inspected["Digest"] == served.digest(IMAGE, VERSION)
    assert inspected["Labels"]["dev.chainguard.package.main"] == "nginx"
    assert set(inspected["RepoTags"]) == served.tags(IMAGE)


def test_inspects_a_digest(skopeo: Skopeo, served: Served) -> None:
    digest = served.digest(IMAGE, VERSION)
    assert skopeo.json("inspect", PLAIN, f"docker://{served.host}/{IMAGE}@{digest}")["Digest"] == digest


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_copies_one_platform(skopeo: Skopeo, served: Served, tmp_path: Path, architecture: str) -> None:
    reference = f"docker://{served.host}/example/python:3.13.1-dev"
    skopeo("copy", "--src-tls-verify=false", f"--override-arch={architecture}", reference, f"dir:{tmp_path}/copy")
    manifest = json.loads((tmp_path / "copy" / "manifest.json").read_text())
    config = json.loads((tmp_path / "copy" / hex_of(manifest["config"]["digest"])).read_text())
    assert config["architecture"] == architecture


def test_copies_all_platforms_byte_for_byte(skopeo: Skopeo, served: Served, tmp_path: Path) -> None:
    reference = f"docker://{served.host}/{IMAGE}:{VERSION}"
    skopeo("copy", "--all", "--src-tls-verify=false", reference, f"dir:{tmp_path}/copy")
    assert_identical(skopeo, reference, tmp_path / "copy", served.digest(IMAGE, VERSION))


def test_syncs_an_image_byte_for_byte(skopeo: Skopeo, served: Served, tmp_path: Path) -> None:
    source = f"{served.host}/{IMAGE}:{VERSION}"
    skopeo("sync", "--all", "--src=docker", "--dest=dir", "--src-tls-verify=false", source, tmp_path)
    assert_identical(skopeo, f"docker://{source}", tmp_path / f"nginx:{VERSION}", served.digest(IMAGE, VERSION))


def test_syncs_lists_of_tags_from_yaml(skopeo: Skopeo, served: Served, tmp_path: Path) -> None:
    source = tmp_path / "source.yaml"
    source.write_text(f"""\
{served.host}:
  tls-verify: false
  images:
    {IMAGE}: ["1.27.3", "{VERSION}"]
    example/python: []
  images-by-tag-regex:
    example/postgres: ^17
""")
    skopeo("sync", "--all", "--scoped", "--src=yaml", "--dest=dir", source, tmp_path)
    synced = {folder.name for folder in (tmp_path / served.host / "example").iterdir()}
    assert synced == {
        "nginx:1.27.3",
        f"nginx:{VERSION}",
        *(f"python:{tag}" for tag in served.tags("example/python")),
        *(f"postgres:{tag}" for tag in served.tags("example/postgres") if tag.startswith("17")),
    }
    target = tmp_path / served.host / "example" / "nginx:1.27.3"
    reference = f"docker://{served.host}/{IMAGE}:1.27.3"
    assert_identical(skopeo, reference, target, served.digest(IMAGE, "1.27.3"))


def test_lists_tags(skopeo: Skopeo, served: Served) -> None:
    listed = skopeo.json("list-tags", PLAIN, f"docker://{served.host}/{IMAGE}")["Tags"]
    assert set(listed) == served.tags(IMAGE)
    assert {"1.27.4", "1.27", "1", "1.27.4-r2", "latest", "latest-dev"} <= set(listed)


def test_copies_the_attestations_of_a_platform(
    skopeo: Skopeo, served: Served, example_upstream: ExampleUpstream, tmp_path: Path
) -> None:
    """As cosign asks for them: by the tag `sha256-….att`, which the index does not know."""
    index = example_upstream.store("nginx").manifests[served.digest(IMAGE, VERSION)]
    tag = f"{index.children[0].digest.replace(':', '-')}.att"
    skopeo("copy", "--src-tls-verify=false", f"docker://{served.host}/{IMAGE}:{tag}", f"dir:{tmp_path}/copy")
    copied = (tmp_path / "copy" / "manifest.json").read_bytes()
    assert digest_of(copied) == example_upstream.store("nginx").tags[tag]


def test_is_told_that_there_is_no_such_version(skopeo: Skopeo, served: Served) -> None:
    assert "manifest unknown" in skopeo.refused("inspect", PLAIN, f"docker://{served.host}/{IMAGE}:9.9")


def assert_identical(skopeo: Skopeo, reference: str, folder: Path, digest: str) -> None:
    """Every manifest and blob in the folder is what its digest names, and none is missing.

    Debian's skopeo writes an image index in its own order of keys, so that one is asked for on its own.
    """
    raw = skopeo("inspect", "--raw", PLAIN, reference).encode()
    assert digest_of(raw) == digest
    for child in json.loads(raw)["manifests"]:
        manifest = (folder / f"{hex_of(child['digest'])}.manifest.json").read_bytes()
        assert digest_of(manifest) == child["digest"]
        parts = json.loads(manifest)
        for blob in (parts["config"], *parts["layers"]):
            assert digest_of((folder / hex_of(blob["digest"])).read_bytes()) == blob["digest"]


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def hex_of(digest: str) -> str:
    return digest.removeprefix("sha256:")
