"""Each format in each wrapping: which of its package URLs count, also of a type that only images.toml asks for."""

import json
from collections.abc import Callable

import pytest

from generator.errors import VersionUnknownError
from generator.package.purl import Package as Named
from generator.resolve.formats.slsa import read_slsa
from generator.resolve.main_package import main_package
from tests.generator.attaching import (
    CYCLONEDX,
    Demo,
    ExampleImage,
    bundle,
    cyclonedx_of,
    spdx_of,
    spdx_with,
    unclear,
)
from tests.upstream import Content, attestation, blob
from tests.upstream.attestation import PROVENANCE, envelope, statement
from tests.upstream.oci import Document
from tests.upstream.sbom import SPDX

IMAGE = ExampleImage()
CHILD = IMAGE.child()
VERSION = "1.2.3-r4"
GO = "golang/github.com/a/demo"
ODD = "application/vnd.somebody"


def in_spdx(purl: str) -> tuple[str, Document]:
    return SPDX, spdx_with(purl)


def in_cyclonedx(purl: str) -> tuple[str, Document]:
    document = cyclonedx_of()
    document["components"].append({"type": "library", "name": "demo", "purl": purl})
    return CYCLONEDX, document


def in_provenance(purl: str) -> tuple[str, Document]:
    return PROVENANCE, {"buildDefinition": {"internalParameters": {"resolved": [{"uri": purl}, "pkg:apk/glibc@2-r0"]}}}


@pytest.mark.parametrize("put", [in_spdx, in_cyclonedx, in_provenance])
def test_a_type_that_images_toml_asks_for_is_read_beside_the_installed_ones(
    demo: Demo, put: Callable[[str], tuple[str, Document]]
) -> None:
    predicate, document = put(f"pkg:{GO}@v2.1.0")
    demo.att(CHILD.digest, attestation(predicate, document, CHILD.digest))
    assert demo.learned(IMAGE.top(), package=GO).build.version == "v2.1.0"
    assert demo.learned(IMAGE.top(), package="glibc").build.version in ("2.41-r0", "2-r0")
    assert unclear(demo.learned(IMAGE.top(), package="golang"))


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (["pkg:apk/wolfi/demo@1-r0"], {"pkg:apk/wolfi/demo@1-r0"}),
        (["pkg:deb/debian/demo@1-1"], {"pkg:deb/debian/demo@1-1"}),
        ({"a": {"b": "pkg:rpm/fedora/demo@1-1.fc40"}}, {"pkg:rpm/fedora/demo@1-1.fc40"}),
        (["pkg:generic/demo@1", "pkg:bitnami/demo@1-0"], set()),
        ({"demo": "1.2.3-r4"}, {"pkg:apk/demo@1.2.3-r4"}),
        ({"demo": "1.2.3"}, set()),
        ({"packages": [["demo=1.2.3-r4"]], "run_id": "123"}, {"pkg:apk/demo@1.2.3-r4"}),
        ({"buildConfig": ["demo=1.2.3-r4"], "inner": {"buildConfig": "glibc=2-r0"}}, {"pkg:apk/glibc@2-r0"}),
        ("demo=1.2.3-r4", {"pkg:apk/demo@1.2.3-r4"}),
        (None, set()),
        (7, set()),
    ],
)
def test_what_a_build_s_parameters_pin_is_installed(parameters: object, expected: set[str]) -> None:
    document = {"buildDefinition": {"internalParameters": parameters}}
    assert {package.purl for package in read_slsa(json.dumps(document).encode(), "what", "")} == expected


JSON: dict[str, Content] = {
    "SPDX": blob(spdx_of(), "application/json"),
    "CycloneDX": blob(cyclonedx_of(), "application/json"),
    "a statement": blob(statement(SPDX, spdx_of(), CHILD.digest, version="v1"), "application/json"),
    "an envelope": blob(envelope(statement(SPDX, spdx_of(), CHILD.digest)), "application/json"),
    "a bundle": blob(json.loads(bundle(SPDX, spdx_of(), CHILD.digest).data), "application/json"),
    "with a parameter": blob(spdx_of(), "Application/JSON ; charset=utf-8"),
    "of text": blob(spdx_of(), "text/json"),
}


@pytest.mark.parametrize("what", JSON)
def test_json_of_no_telling_type_is_what_it_says_itself_that_it_is(referring: Demo, what: str) -> None:
    referring.refer(CHILD, [JSON[what]], ODD)
    build = referring.learned(IMAGE.top()).build
    assert (build.version, build.sbom and build.sbom.kind) == (VERSION, "referrer")


@pytest.mark.parametrize("document", [{}, [], "text", {"spdxVersion": ""}, {"_type": ""}, {"payloadType": None}])
def test_json_that_does_not_say_what_it_is_is_of_no_known_format(referring: Demo, document: Document) -> None:
    referring.refer(CHILD, [blob(json.dumps(document).encode(), "application/json")], ODD)
    learned = referring.learned(IMAGE.top())
    assert "of no known format" in unclear(learned)
    assert referring.upstream.requests.count(side="cdn") == 1, "it was looked at, and nothing else"


def test_json_in_other_homes_is_nobody_s_sbom(demo: Demo) -> None:
    demo.att(CHILD.digest, JSON["SPDX"])
    assert unclear(demo.learned(IMAGE.top())) == "no SBOM is attached"


@pytest.mark.parametrize("wanted", ["deb/demo", "deb/debian/demo", "DEB/demo"])
def test_package_with_a_type_that_fits_two_is_not_chosen_from(wanted: str) -> None:
    """Of another namespace, or another version: at once two, and no third."""
    demo = [Named("demo", f"1-{n}", "deb", f"pkg:deb/debian/demo@1-{n}") for n in range(2)]
    assert main_package(demo[:1], wanted, "", ["x"]).version == "1-0"
    with pytest.raises(VersionUnknownError, match="several packages fit"):
        main_package(demo, wanted, "", ["x"])


def test_packages_of_other_types_are_told_apart_by_their_paths() -> None:
    both = [Named("demo", "v1", "golang", f"pkg:golang/github.com/{owner}/demo@v1") for owner in "ab"]
    assert main_package(both, "golang/github.com/b/demo", "", ["x"]) == both[1]
    with pytest.raises(VersionUnknownError, match="several packages fit"):
        main_package(both, "golang/demo", "", ["x"])
    same = [Named("demo", "1-r0", "apk", f"pkg:apk/{namespace}/demo@1-r0") for namespace in ("wolfi", "chainguard")]
    assert main_package(same, "apk/demo", "", ["x"]).version == "1-r0"


def candidates(image: str, *names: str) -> list[str]:
    installed = [Named(name, "1-r0", "apk", f"pkg:apk/{name}@1-r0") for name in names]
    with pytest.raises(VersionUnknownError) as raised:
        main_package(installed, None, "", [image])
    return [candidate.name for candidate in raised.value.candidates]


@pytest.mark.parametrize(
    ("image", "installed", "near"),
    [
        ("demo", ["demo-libs", "glibc", "mydemo"], ["demo-libs", "mydemo"]),
        ("demo", ["glibc", "dem", "zlib"], ["dem"]),
        ("demo", ["glibc", "zlib"], ["glibc", "zlib"]),
        ("pytorch", ["py3.13-pip", "zlib"], ["py3.13-pip", "zlib"]),
        ("aspnet-runtime", ["aspnet-9-targeting-pack", "zlib"], ["aspnet-9-targeting-pack"]),
        ("jre", ["java-common", "zlib"], ["java-common"]),
    ],
)
def test_candidates_are_what_bears_the_name_or_an_alias_or_is_like_it_and_else_all(
    image: str, installed: list[str], near: list[str]
) -> None:
    assert candidates(image, *installed) == near


@pytest.mark.parametrize(("count", "shown"), [(8, "demo-7 1-r0; settle"), (9, "demo-7 1-r0 and 1 more; settle")])
def test_at_most_eight_candidates_are_named(count: int, shown: str) -> None:
    installed = [Named(f"demo-{n}", "1-r0", "apk", f"pkg:apk/demo-{n}@1-r0") for n in range(count)]
    with pytest.raises(VersionUnknownError, match=shown) as raised:
        main_package(installed, None, "", ["demo"])
    assert len(raised.value.candidates) == 8
