"""containerd: pull into its content store."""

import hashlib
import json
import subprocess

import pytest

from tests.clients.client import Containerd
from tests.clients.serving import Served

IMAGE, VERSION = "example/nginx", "1.27.4"
PULL = ("images", "pull", "--plain-http", "--snapshotter=native")


def test_pulls_a_version(ctr: Containerd, served: Served) -> None:
    reference = f"{served.host}/{IMAGE}:{VERSION}"
    ctr(*PULL, reference)
    assert served.digest(IMAGE, VERSION) in ctr("images", "list", f"name=={reference}")


def test_pulls_a_digest(ctr: Containerd, served: Served) -> None:
    reference = f"{served.host}/{IMAGE}@{served.digest(IMAGE, VERSION)}"
    ctr(*PULL, reference)
    assert ctr("images", "list", "--quiet").split() == [reference]


@pytest.mark.parametrize(("architecture", "other"), [("amd64", "arm64"), ("arm64", "amd64")])
def test_pulls_one_platform(ctr: Containerd, served: Served, architecture: str, other: str) -> None:
    ctr(*PULL, f"--platform=linux/{architecture}", f"{served.host}/{IMAGE}:{VERSION}")
    children = platforms(ctr, served.digest(IMAGE, VERSION))
    stored = ctr("content", "list", "--quiet").split()
    assert children[architecture] in stored
    assert children[other] not in stored


def test_pulls_all_platforms_byte_for_byte(ctr: Containerd, served: Served) -> None:
    ctr(*PULL, "--all-platforms", f"{served.host}/{IMAGE}:{VERSION}")
    digest = served.digest(IMAGE, VERSION)
    expected = {digest}
    for child in platforms(ctr, digest).values():
        manifest = json.loads(content(ctr, child))
        expected |= {child, manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])}
    assert set(ctr("content", "list", "--quiet").split()) == expected
    assert {f"sha256:{hashlib.sha256(content(ctr, each)).hexdigest()}" for each in expected} == expected


def test_is_told_that_there_is_no_such_version(ctr: Containerd, served: Served) -> None:
    assert "not found" in ctr.refused(*PULL, f"{served.host}/{IMAGE}:9.9")


def platforms(ctr: Containerd, digest: str) -> dict[str, str]:
    manifests = json.loads(content(ctr, digest))["manifests"]
    return {each["platform"]["architecture"]: each["digest"] for each in manifests}


def content(ctr: Containerd, digest: str) -> bytes:
    return subprocess.run([*ctr.words, "content", "get", digest], capture_output=True, check=True).stdout
