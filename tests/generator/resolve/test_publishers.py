"""Indexes of other publishers' images: refreshed, refreshed again, sound."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.check.findings import check
from tests.generator.attaching import Demo, ExampleImage, buildkit, in_toto, spdx_of
from tests.generator.conftest import Index
from tests.upstream import Content, ExampleUpstream
from tests.upstream.oci import Document
from tests.upstream.sbom import SPDX

PHOTON = ("pkg:bitnami/demo@18.6.0-3?arch=amd64&distro=photon-5", "pkg:rpm/photon/bash@5.2-1.ph5?arch=x86_64")
DEBIAN = ("pkg:deb/debian/demo@1%3A2.39.5-0%2Bdeb12u1?arch=amd64", "pkg:deb/debian/libc6@2.36-9?arch=amd64")
BUILT = ("pkg:generic/demo@5.40.2", "pkg:deb/debian/libc6@2.36-9?arch=amd64")
GO = ("pkg:golang/github.com/acme/demo@v2.1.0", "pkg:golang/golang.org/x/net@v0.30.0", *DEBIAN[1:])


@pytest.fixture
def empty() -> Iterator[ExampleUpstream]:
    with ExampleUpstream(catalogue=()) as upstream:
        yield upstream


def listing(*purls: str) -> Document:
    references = [[{"referenceType": "purl", "referenceLocator": purl}] for purl in purls]
    packages = [
        {"SPDXID": f"SPDXRef-{number}", "name": "x", "externalRefs": each} for number, each in enumerate(references)
    ]
    return {**spdx_of(()), "packages": packages, "relationships": []}


def image_of(*purls: str, **labels: str) -> Content:
    image = ExampleImage(labels=labels)
    subject = image.child().digest
    if not purls:
        return image.top()
    layer = in_toto(SPDX, listing(*purls), subject, **{"in-toto.io/predicate-type": SPDX})
    return image.top(buildkit(subject, layer))


@pytest.mark.parametrize(
    ("image", "settings", "version", "package", "tags"),
    [
        (image_of(*PHOTON), "", "18.6.0-3", "demo", {"18", "18.6", "18.6.0", "18.6.0-3"}),
        (image_of(*DEBIAN), "", "1:2.39.5-0+deb12u1", "demo", {"2", "2.39", "2.39.5", "1_2.39.5-0_deb12u1"}),
        (image_of(*BUILT), "", "5.40.2", "demo", {"5", "5.40", "5.40.2"}),
        (
            image_of(*GO),
            'package = "golang/github.com/acme/demo"',
            "v2.1.0",
            "demo",
            {"2", "2.1", "2.1.0", "v2.1.0"},
        ),
        (
            image_of(**{"org.opencontainers.image.version": "2.4.1"}),
            'version-label = "org.opencontainers.image.version"',
            "2.4.1",
            "demo",
            {"2", "2.4", "2.4.1"},
        ),
    ],
    ids=["Bitnami", "Debian", "built from source", "Go", "a label"],
)
def test_an_index_of_it_is_made_again_to_the_byte_and_is_sound(
    empty: ExampleUpstream, tmp_path: Path, image: Content, settings: str, version: str, package: str, tags: set[str]
) -> None:
    Demo(empty, "demo").push(image, "latest")
    index = Index(empty, tmp_path, f'[images.demo]\ntracks = ["latest"]\nsince = "always"\n{settings}\n')
    outcome = index.refresh()["demo"]
    assert (outcome.errors, outcome.notes) == ([], [])
    assert (index.versions("demo"), index.image("demo").package) == ([version], package)
    assert {tag for tag in index.tags("demo") if not tag.endswith("-202601020304")} == tags
    before = index.content()
    assert index.refresh()["demo"].errors == []
    assert index.content() == before
    assert check(tmp_path) == (0, [])


def test_what_is_said_of_the_main_package_later_is_asked_for_again(empty: ExampleUpstream, tmp_path: Path) -> None:
    """packages.json has neither packages of any other type nor labels."""
    settings = '[images.demo]\ntracks = ["latest"]\nsince = "always"\n'
    Demo(empty, "demo").push(image_of(*GO, **{"org.opencontainers.image.version": "7.0"}), "latest")
    index = Index(empty, tmp_path, settings)
    for said, version in (
        ("", None),
        ('package = "golang/github.com/acme/demo"\n', "v2.1.0"),
        ('version-label = "org.opencontainers.image.version"\n', "7.0"),
        ("", None),
    ):
        index.images = settings + said
        index.refresh()
        assert index.versions("demo") == [version]
        before = index.content()
        index.refresh()
        assert index.content() == before
    assert index.image("demo").retracted.keys() == {"7.0-202601020304", "v2.1.0-202601020304"}
    assert index.tags("demo").keys() == {"latest-202601020304"}
