"""Snyk's client for Node.js, which follows the specification by itself: links, challenges, platforms."""

import hashlib
from pathlib import Path

import pytest

from tests.clients.client import Node
from tests.clients.serving import Served

IMAGE, VERSION = "example/nginx", "1.27.4"
NOBODY = (None, None)
PLAIN = {"protocol": "http:"}


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_gets_one_platform_of_a_version(node: Node, served: Served, architecture: str) -> None:
    platform = {"os": "linux", "architecture": architecture}
    manifest = node("getManifest", served.host, IMAGE, VERSION, *NOBODY, PLAIN, platform)
    assert manifest["indexDigest"] == served.digest(IMAGE, VERSION)
    config = node("getImageConfig", served.host, IMAGE, manifest["config"]["digest"], *NOBODY, PLAIN)
    assert config["architecture"] == architecture


def test_gets_a_digest(node: Node, served: Served) -> None:
    digest = served.digest(IMAGE, VERSION)
    assert node("getManifest", served.host, IMAGE, digest, *NOBODY, PLAIN)["indexDigest"] == digest


def test_downloads_a_layer(node: Node, served: Served, tmp_path: Path) -> None:
    (layer,) = node("getManifest", served.host, IMAGE, VERSION, *NOBODY, PLAIN)["layers"]
    node("downloadLayer", str(tmp_path / "layer"), served.host, IMAGE, layer["digest"], *NOBODY, PLAIN)
    assert f"sha256:{hashlib.sha256((tmp_path / 'layer').read_bytes()).hexdigest()}" == layer["digest"]


@pytest.mark.parametrize(("function", "pages"), [("getTags", [None]), ("getTagsPaginated", [])])
def test_lists_tags_a_page_at_a_time(node: Node, served: Served, function: str, pages: list[None]) -> None:
    listed = node(function, served.host, IMAGE, *NOBODY, 5, *pages, PLAIN)
    assert listed == sorted(served.tags(IMAGE))


def test_lists_the_images_of_the_index(node: Node, served: Served) -> None:
    listed = node("getRepos", served.host, *NOBODY, 2, None, PLAIN)
    assert {"example/nginx", "example/postgres", "example/python"} <= set(listed)
    assert listed == sorted(listed)
