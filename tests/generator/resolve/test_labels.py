"""Versions that labels, annotations and packages of any other type give, where they may."""

import pytest

from tests.generator.attaching import (
    Demo,
    ExampleImage,
    spdx_of,
    spdx_with,
    unclear,
)
from tests.upstream import attestation, blob, index, manifest
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
