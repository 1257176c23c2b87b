"""Attachments as registries and tools really keep them, and what in a document is not installed."""

import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from generator.errors import MalformedError
from generator.refresh.learn import Learned
from tests.generator.attaching import (
    BUNDLE,
    CYCLONEDX,
    CYCLONEDX_JSON,
    EMPTY,
    PACKAGES,
    SPDX_JSON,
    Demo,
    ExampleImage,
    buildkit,
    bundle,
    cyclonedx_of,
    in_toto,
    spdx_of,
)
from tests.upstream import Content, ExampleUpstream, Package, attestation, blob, index, manifest
from tests.upstream.attestation import DSSE, IN_TOTO, PROVENANCE, envelope, provenance, statement
from tests.upstream.oci import CONFIG, INDEX, LAYER, MANIFEST, Document, serialise
from tests.upstream.sbom import SPDX

names = (f"attached-{number}" for number in itertools.count())
IMAGE = ExampleImage()
CHILD = IMAGE.child()
VERSION = "1.2.3-r4"
OTHER = (Package("demo", "1.2.4-r0"), Package("glibc", "2.41-r0"))


@pytest.fixture(scope="module")
def running() -> Iterator[ExampleUpstream]:
    with ExampleUpstream(catalogue=()) as upstream:
        yield upstream


@pytest.fixture
def demo(running: ExampleUpstream) -> Demo:
    """A repository of its own, without the referrers API."""
    running.options.referrers = False
    return Demo(running, next(names))


def spdx_with(*purls: str) -> Document:
    document = spdx_of()
    for number, purl in enumerate(purls):
        reference = {"referenceCategory": "PACKAGE-MANAGER", "referenceLocator": purl, "referenceType": "purl"}
        document["packages"].append({"SPDXID": f"SPDXRef-{number}", "name": "x", "externalRefs": [reference]})
    return document


def listed(*referrers: Content, **changes: object) -> Content:
    """The index at the fallback tag, with other fields in its descriptors; None takes a field away."""
    descriptors = [{**referrer.descriptor(), **changes} for referrer in referrers]
    manifests = [{key: value for key, value in each.items() if value is not None} for each in descriptors]
    return Content(INDEX, serialise({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}))


def fall_back(demo: Demo, subject: Content, top: Content) -> None:
    demo.push(top, subject.digest.replace(":", "-"))


def unclear(learned: Learned) -> str:
    assert learned.build.version is None
    assert learned.build.unknown
    return learned.build.unknown.reason


# Referrers whose type a listing does not tell.

ODD = [
    None,
    "",
    "application/vnd.oci.empty.v1+json",
    "application/vnd.dev.cosign.artifact.sbom.v1+json",
    "sbom/example",
]
LAYERS = {
    "spdx": blob(spdx_of(), SPDX_JSON),
    "cyclonedx": blob(cyclonedx_of(), CYCLONEDX_JSON),
    "statement": in_toto(SPDX, spdx_of(), CHILD.digest),
    "bundle": bundle(SPDX, spdx_of(), CHILD.digest),
    "json": blob(spdx_of(), "application/json"),
    "json envelope": blob(envelope(statement(SPDX, spdx_of(), CHILD.digest)), "application/json"),
    "titled": blob(spdx_of(), "application/octet-stream", {"org.opencontainers.image.title": "demo.spdx.json"}),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("type_", ODD)
def test_the_fallback_tag_may_list_a_referrer_without_a_telling_type(demo: Demo, type_: str | None, layer: str) -> None:
    referrer = demo.refer(CHILD, [LAYERS[layer]], type_ or "")
    fall_back(demo, CHILD, listed(referrer, artifactType=type_))
    build = demo.learned(IMAGE.top()).build
    assert (build.version, build.sbom and build.sbom.kind) == (VERSION, "referrer")


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("type_", ODD)
def test_so_may_the_api(demo: Demo, type_: str | None, layer: str) -> None:
    demo.upstream.options.referrers = True
    demo.upstream.options.referrer_type = type_
    demo.refer(CHILD, [LAYERS[layer]], type_ or "")
    build = demo.learned(IMAGE.top()).build
    demo.upstream.options.referrer_type = "{type}"
    assert (build.version, build.sbom and build.sbom.kind) == (VERSION, "referrer")


def test_a_manifest_s_own_type_tells_where_its_listing_is_silent(demo: Demo) -> None:
    referrer = demo.refer(CHILD, [blob(bundle(SPDX, spdx_of(), CHILD.digest).data, "application/octet-stream")], BUNDLE)
    fall_back(demo, CHILD, listed(referrer, artifactType=None))
    assert demo.learned(IMAGE.top()).build.version == VERSION


def test_a_bounded_number_of_them_is_looked_at_the_likeliest_first(demo: Demo) -> None:
    other = [demo.refer(CHILD, [blob(bytes([number]), LAYER)], f"somebody/{number}") for number in range(60)]
    sbom = demo.refer(CHILD, [LAYERS["spdx"]], "somebody/sbom")
    fall_back(demo, CHILD, listed(*other, sbom))
    assert demo.learned(IMAGE.top()).build.version == VERSION
    assert demo.upstream.requests.count("/manifests/sha256:") <= 20


@pytest.mark.parametrize(
    "type_", ["application/vnd.dev.cosign.artifact.sig.v1+json", "application/vnd.cncf.notary.signature"]
)
def test_signatures_are_not_looked_at(demo: Demo, type_: str) -> None:
    signature = demo.refer(CHILD, [blob({}, "application/json")], type_)
    fall_back(demo, CHILD, listed(signature))
    demo.learned(IMAGE.top())
    assert demo.upstream.requests.count(signature.digest) == 0


# What an attestation may hold.


@pytest.mark.parametrize("data", [spdx_of(), json.dumps(spdx_of())], ids=["a document", "its text"])
@pytest.mark.parametrize(
    "predicate_type", [SPDX, "https://cosign.sigstore.dev/attestation/v1", "cosign.sigstore.dev/attestation/v1"]
)
def test_cosign_1_put_the_document_into_data(demo: Demo, predicate_type: str, data: object) -> None:
    predicate: Document = {"Timestamp": "2022-01-01T00:00:00Z", "Data": data}
    demo.att(CHILD.digest, attestation(predicate_type, predicate, CHILD.digest))
    assert demo.learned(IMAGE.top()).build.version == VERSION


@pytest.mark.parametrize("predicate", [{"Data": "free text"}, {"Data": 1}, {"Data": None}, {}])
def test_cosign_s_predicate_for_anything_may_be_anything(demo: Demo, predicate: Document) -> None:
    demo.att(CHILD.digest, attestation("https://cosign.sigstore.dev/attestation/v1", predicate, CHILD.digest))
    assert "no packages in a predicate" in unclear(demo.learned(IMAGE.top()))


# What is in a document and not installed.


def test_cyclonedx_components_out_of_scope_and_what_is_in_them_do_not_count(demo: Demo) -> None:
    inner = {"type": "library", "name": "demo", "purl": "pkg:apk/wolfi/demo@9.9-r9"}
    document = cyclonedx_of()
    document["components"] += [
        {"type": "library", "name": "demo", "purl": "pkg:apk/wolfi/demo@9.8-r8", "scope": "excluded"},
        {"type": "application", "name": "tests", "scope": "excluded", "components": [inner]},
        {"type": "library", "name": "curl", "purl": "pkg:apk/wolfi/curl@8-r0", "scope": "optional"},
    ]
    demo.att(CHILD.digest, attestation(CYCLONEDX, document, CHILD.digest))
    learned = demo.learned(IMAGE.top())
    assert learned.build.version == VERSION
    assert set(learned.packages or ()) == {"apk/wolfi/demo@1.2.3-r4", "apk/wolfi/glibc@2.41-r0", "apk/wolfi/curl@8-r0"}


@pytest.mark.parametrize("relation", ["BUILD_TOOL_OF", "DEV_DEPENDENCY_OF", "BUILD_DEPENDENCY_OF", "TEST_TOOL_OF"])
def test_what_an_image_was_made_with_does_not_count(demo: Demo, relation: str) -> None:
    document = spdx_with("pkg:apk/wolfi/demo@9.9-r9")
    document["relationships"].append(
        {"spdxElementId": "SPDXRef-0", "relationshipType": relation, "relatedSpdxElement": "SPDXRef-DOCUMENT"}
    )
    demo.att(CHILD.digest, attestation(SPDX, document, CHILD.digest))
    assert set(demo.learned(IMAGE.top()).packages or ()) == {"apk/wolfi/demo@1.2.3-r4", "apk/wolfi/glibc@2.41-r0"}


def test_buildkit_s_build_configuration_names_what_was_done_not_what_is_installed(demo: Demo) -> None:
    document = provenance(PACKAGES)
    document["buildDefinition"]["internalParameters"]["buildConfig"] = {
        "llbDefinition": [{"op": {"Op": {"exec": {"meta": {"args": ["apk", "add", "demo=9.9-r9", "gcc=14-r0"]}}}}}]
    }
    layer = in_toto(PROVENANCE, document, CHILD.digest, **{"in-toto.io/predicate-type": PROVENANCE})
    learned = demo.learned(IMAGE.top(buildkit(CHILD.digest, layer)))
    assert set(learned.packages or ()) == {"apk/demo@1.2.3-r4", "apk/glibc@2.41-r0"}


def spdx_layer(*packages: Package) -> Content:
    return in_toto(SPDX, spdx_of(packages), CHILD.digest, **{"in-toto.io/predicate-type": SPDX})


def test_of_buildkit_s_sboms_the_first_is_the_image_s_and_the_others_are_of_its_stages(demo: Demo) -> None:
    learned = demo.learned(IMAGE.top(buildkit(CHILD.digest, spdx_layer(*PACKAGES), spdx_layer(*OTHER))))
    assert learned.build.version == VERSION
    assert demo.learned(IMAGE.top(buildkit(CHILD.digest, spdx_layer(*OTHER), spdx_layer(*PACKAGES)))).build.version == (
        "1.2.4-r0"
    )


def test_a_stage_s_packages_are_not_the_image_s_even_where_that_has_none(demo: Demo) -> None:
    learned = demo.learned(IMAGE.top(buildkit(CHILD.digest, spdx_layer(), spdx_layer(*PACKAGES))))
    assert "names no installed package" in unclear(learned)
    assert learned.packages is None


# Several documents.


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("place", ["att", "referrers"])
def test_sboms_of_one_place_that_disagree_make_a_version_unknown(demo: Demo, place: str, swapped: bool) -> None:
    both = [spdx_of(PACKAGES), spdx_of(OTHER)][:: -1 if swapped else 1]
    if place == "att":
        demo.att(CHILD.digest, *(attestation(SPDX, document, CHILD.digest) for document in both))
    else:
        referrers = [demo.refer(CHILD, [blob(document, SPDX_JSON)], SPDX_JSON) for document in both]
        demo.fall_back(CHILD, *referrers)
    learned = demo.learned(IMAGE.top())
    assert unclear(learned) == "the SBOMs of the build disagree about its version"
    assert "demo 1.2.3-r4, demo 1.2.4-r0" in learned.reason
    assert learned.build.unknown
    assert learned.build.unknown.candidates == ("apk/wolfi/demo@1.2.3-r4", "apk/wolfi/demo@1.2.4-r0")


@pytest.mark.parametrize("swapped", [False, True])
def test_where_they_agree_or_one_alone_has_the_package_it_is_taken(demo: Demo, swapped: bool) -> None:
    documents = [
        attestation(SPDX, spdx_of((Package("glibc", "2.41-r0"),)), CHILD.digest),
        attestation(SPDX, spdx_of(PACKAGES), CHILD.digest),
        attestation(CYCLONEDX, cyclonedx_of((PACKAGES[0],)), CHILD.digest),
    ]
    demo.att(CHILD.digest, *documents[:: -1 if swapped else 1])
    learned = demo.learned(IMAGE.top())
    assert learned.build.version == VERSION
    assert learned.build.sbom
    assert learned.build.sbom.digest == documents[1].digest


def test_an_sbom_in_another_place_is_asked_where_one_has_no_fit(demo: Demo) -> None:
    demo.att(CHILD.digest, attestation(SPDX, spdx_of((Package("glibc", "2.41-r0"),)), CHILD.digest))
    demo.sbom(CHILD.digest, cyclonedx_of(), CYCLONEDX_JSON)
    build = demo.learned(IMAGE.top()).build
    assert (build.version, build.sbom and build.sbom.kind) == (VERSION, "cosign-sbom")


def test_copies_of_an_attestation_are_read_a_bounded_number_of_times(demo: Demo) -> None:
    copies = [attestation(SPDX, spdx_of(PACKAGES) | {"name": str(number)}, CHILD.digest) for number in range(40)]
    demo.att(CHILD.digest, *copies)
    assert demo.learned(IMAGE.top()).build.version == VERSION
    assert demo.downloads() <= 20


# Indexes.


def test_an_entry_without_a_platform_has_that_of_its_configuration(demo: Demo) -> None:
    children = [replace(IMAGE.child(architecture), platform={}) for architecture in ("amd64", "arm64")]
    artifact = manifest(EMPTY, [blob(b"x", LAYER)])
    demo.att(CHILD.digest, attestation(SPDX, spdx_of(), CHILD.digest))
    build = demo.learned(index([artifact, *reversed(children)])).build
    assert build.version == VERSION
    assert build.platforms == {f"linux/{a}": IMAGE.child(a).digest for a in ("amd64", "arm64")}


def test_an_index_inside_the_index_is_opened_and_what_that_lists_is_attached_to_as_well(demo: Demo) -> None:
    arm = IMAGE.child("arm64")
    inner = index([CHILD, buildkit(CHILD.digest, spdx_layer(*PACKAGES))])
    build = demo.learned(index([arm, inner])).build
    assert build.version == VERSION
    assert build.platforms == {"linux/amd64": CHILD.digest, "linux/arm64": arm.digest}


def test_what_is_attached_to_an_inner_index_is_found(demo: Demo) -> None:
    inner = index([CHILD])
    top = index([inner])
    demo.att(inner.digest, attestation(SPDX, spdx_of(), inner.digest))
    assert demo.learned(top).build.version == VERSION


def test_an_index_two_levels_down_is_not_opened(demo: Demo) -> None:
    with pytest.raises(MalformedError, match="an image index without a platform"):
        demo.learned(index([index([index([CHILD])])]))


class Sha512(Content):
    """A content that is named by its SHA-512."""

    @property
    def digest(self) -> str:
        return f"sha512:{hashlib.sha512(self.data).hexdigest()}"


def test_attachments_of_a_sha512_subject_are_found(demo: Demo) -> None:
    child = Sha512(MANIFEST, CHILD.data, CHILD.children, platform=CHILD.platform)
    document = statement(SPDX, spdx_of(), child.digest)
    document["subject"] = [{"name": "x", "digest": {"sha512": child.digest.removeprefix("sha512:")}}]
    referrer = demo.refer(child, [blob(document, IN_TOTO)], IN_TOTO)
    top = index([child])
    demo.push(top)
    demo.push(index([referrer]), f"sha512-{child.digest.removeprefix('sha512:')[:64]}")
    learned = demo.learned(top)
    assert learned.build.version == VERSION
    assert learned.build.platforms == {"linux/amd64": child.digest}


# Versions from elsewhere.

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


@pytest.mark.parametrize("type_", ["https://in-toto.io/Statement/v2", "", None])
def test_a_statement_of_another_type_is_refused(demo: Demo, type_: str | None) -> None:
    document = {**statement(SPDX, spdx_of(), CHILD.digest), "_type": type_}
    demo.att(CHILD.digest, blob(envelope(document), DSSE))
    assert "_type" in unclear(demo.learned(IMAGE.top()))
