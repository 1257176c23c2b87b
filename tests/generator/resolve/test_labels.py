"""Versions that labels, annotations and packages of any other type give, where they may."""

import pytest

from tests.generator.attaching import (
    Demo,
    ExampleImage,
    spdx_of,
    spdx_with,
    unclear,
)
from tests.upstream import Package, attestation, blob, index, manifest
from tests.upstream.oci import CONFIG
from tests.upstream.sbom import SPDX

IMAGE = ExampleImage()
CHILD = IMAGE.child()
VERSION = "1.2.3-r4"


VERSION_LABEL = "org.opencontainers.image.version"


def test_a_version_label_counts_only_where_images_toml_says_so(demo: Demo) -> None:
    image = ExampleImage(labels={VERSION_LABEL: "2.4.1"})
    assert unclear(demo.learned(image.top())) == "no SBOM is attached"
    learned = demo.learned(image.top(), version_label=VERSION_LABEL)
    build = learned.build
    assert (build.version, build.purl) == ("2.4.1", "pkg:generic/demo@2.4.1")
    assert build.sbom
    assert (build.sbom.kind, build.sbom.format) == ("label", "label")
    assert learned.packages is None


def test_an_annotation_does_as_well(demo: Demo) -> None:
    plain = manifest(
        blob({"os": "linux", "architecture": "amd64"}, CONFIG), [], platform={"os": "linux", "architecture": "amd64"}
    )
    top = index([plain], {VERSION_LABEL: "v2.4.1"})
    assert demo.learned(top, version_label=VERSION_LABEL).build.version == "v2.4.1"


def test_an_sbom_goes_before_a_version_label(demo: Demo) -> None:
    image = ExampleImage(labels={VERSION_LABEL: "24.04"})
    demo.att(image.child().digest, attestation(SPDX, spdx_of(), image.child().digest))
    assert demo.learned(image.top(), version_label=VERSION_LABEL).build.version == VERSION


@pytest.mark.parametrize("text", ["", " ", "latest", "main build 7", "\u0661.2", "1.2\n::error::x", "1" * 300])
def test_a_label_that_is_no_version_is_a_reason(demo: Demo, text: str) -> None:
    image = ExampleImage(labels={VERSION_LABEL: text})
    learned = demo.learned(image.top(), version_label=VERSION_LABEL)
    assert unclear(learned) == f"no SBOM is attached; the label {VERSION_LABEL} states no version"
    assert learned.reason.isprintable()


def test_package_may_name_what_is_no_distribution_s(demo: Demo) -> None:
    purls = ("pkg:golang/github.com/a/demo@v2.1.0", "pkg:golang/github.com/a/other@v0.1.0")
    demo.att(CHILD.digest, attestation(SPDX, spdx_with(*purls), CHILD.digest))
    learned = demo.learned(IMAGE.top(), package="golang/github.com/a/demo")
    assert (learned.build.version, learned.build.purl) == ("v2.1.0", "pkg:golang/github.com/a/demo@v2.1.0")
    assert set(learned.packages or ()) == {
        "apk/wolfi/demo@1.2.3-r4",
        "apk/wolfi/glibc@2.41-r0",
        "golang/github.com/a/demo@v2.1.0",
    }


@pytest.mark.parametrize(("title", "version"), [("demo", "2.41-r0"), ("other", VERSION), ("", VERSION)])
def test_a_label_is_believed_where_the_title_is_this_image_s(demo: Demo, title: str, version: str) -> None:
    labels = {"dev.chainguard.package.main": "glibc", "dev.chainguard.image.title": title}
    image = ExampleImage(labels=labels)
    demo.att(image.child().digest, attestation(SPDX, spdx_of(), image.child().digest))
    build = demo.learned(image.top()).build
    assert (build.version, build.label) == (version, "glibc" if title == "demo" else None)


def test_what_the_version_was_read_from_is_named(demo: Demo) -> None:
    """The configuration that has the label, or the index that has the annotation."""
    image = ExampleImage(labels={VERSION_LABEL: " 2.4.1 "})
    build = demo.learned(image.top(), version_label=VERSION_LABEL).build
    assert (build.version, build.sbom and build.sbom.digest) == ("2.4.1", image.child().children[0].digest)
    annotated = index([CHILD], {VERSION_LABEL: " 2.4.1\t"})
    build = demo.learned(annotated, version_label=VERSION_LABEL).build
    assert (build.version, build.sbom and build.sbom.digest) == ("2.4.1", annotated.digest)


def test_a_label_gives_a_version_to_what_an_sbom_lists(demo: Demo) -> None:
    """The SBOM names packages, none of which fits."""
    labels = {
        VERSION_LABEL: "2.4.1",
        "dev.chainguard.package.main": "nothing-like-it",
        "dev.chainguard.image.title": "demo",
    }
    image = ExampleImage(labels=labels)
    other = spdx_of((Package("glibc", "2.41-r0"), Package("zlib", "1-r0")))
    demo.att(image.child().digest, attestation(SPDX, other, image.child().digest))
    learned = demo.learned(image.top(), version_label=VERSION_LABEL)
    assert (learned.build.version, learned.build.label) == ("2.4.1", "nothing-like-it")
    assert learned.build.sbom
    assert learned.build.sbom.kind == "label"
    assert set(learned.packages or ()) == {"apk/wolfi/glibc@2.41-r0", "apk/wolfi/zlib@1-r0"}


@pytest.mark.parametrize(
    ("text", "what"), [("main build", "says 'main build', which is no version"), ("", "is not set")]
)
def test_a_label_without_a_version_leaves_what_was_known_and_says_so(demo: Demo, text: str, what: str) -> None:
    image = ExampleImage(labels={VERSION_LABEL: text})
    other = spdx_of((Package("demo-a", "1-r0"), Package("demo-b", "2-r0")))
    demo.att(image.child().digest, attestation(SPDX, other, image.child().digest))
    learned = demo.learned(image.top(), version_label=VERSION_LABEL)
    fits = "no installed package fits the image's name 'demo'"
    assert unclear(learned) == f"{fits}; the label {VERSION_LABEL} states no version"
    assert learned.build.unknown
    assert learned.build.unknown.candidates == ("apk/wolfi/demo-a@1-r0", "apk/wolfi/demo-b@2-r0")
    assert learned.reason.endswith(f"; the label {VERSION_LABEL} {what}")
    assert set(learned.packages or ()) == {"apk/wolfi/demo-a@1-r0", "apk/wolfi/demo-b@2-r0"}
