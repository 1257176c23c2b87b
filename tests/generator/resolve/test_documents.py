"""What a document may come in, what in it is not installed, and what several of them come to."""

import base64
import codecs
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from generator.errors import TransientError
from tests.generator.attaching import (
    CYCLONEDX,
    CYCLONEDX_JSON,
    PACKAGES,
    SPDX_JSON,
    Demo,
    ExampleImage,
    apko_of,
    buildkit,
    cyclonedx_of,
    in_toto,
    spdx_layer,
    spdx_of,
    spdx_with,
    unclear,
)
from tests.generator.conftest import Index
from tests.upstream import Answer, Content, Fault, Package, attestation, blob
from tests.upstream.attestation import (
    DSSE,
    IMAGE_CONFIGURATION,
    IN_TOTO,
    PROVENANCE,
    attached,
    envelope,
    provenance,
    statement,
)
from tests.upstream.oci import Document
from tests.upstream.sbom import SPDX

IMAGE = ExampleImage()
CHILD = IMAGE.child()
VERSION = "1.2.3-r4"


def sbom_tag(digest: str) -> str:
    return digest.replace(":", "-") + ".sbom"


OTHER = (Package("demo", "1.2.4-r0"), Package("glibc", "2.41-r0"))


@pytest.mark.parametrize("data", [spdx_of(), json.dumps(spdx_of())], ids=["a document", "its text"])
@pytest.mark.parametrize(
    "predicate_type", [SPDX, "https://cosign.sigstore.dev/attestation/v1", "cosign.sigstore.dev/attestation/v1"]
)
def test_cosign_1_put_the_document_into_data(demo: Demo, predicate_type: str, data: object) -> None:
    predicate: Document = {"Timestamp": "2022-01-01T00:00:00Z", "Data": data}
    demo.att(CHILD.digest, attestation(predicate_type, predicate, CHILD.digest))
    assert demo.learned(IMAGE.top()).build.version == VERSION


@pytest.mark.parametrize(
    "encode",
    [base64.b64encode, base64.urlsafe_b64encode, base64.encodebytes, lambda data: base64.b64encode(data).rstrip(b"=")],
    ids=["standard", "URL-safe", "lines", "unpadded"],
)
@pytest.mark.parametrize("size", range(3))
def test_an_envelope_holds_base64_of_any_kind(demo: Demo, encode: Callable[[bytes], bytes], size: int) -> None:
    payload = json.dumps(statement(SPDX, spdx_of() | {"comment": "\u00ff>?" + "x" * size}, CHILD.digest)).encode()
    wrapped = {"payloadType": IN_TOTO, "payload": encode(payload).decode(), "signatures": []}
    demo.att(CHILD.digest, blob(wrapped, DSSE, {"predicateType": SPDX}))
    assert demo.learned(IMAGE.top()).build.version == VERSION


def test_a_document_may_begin_with_a_byte_order_mark(demo: Demo) -> None:
    demo.push(attached([blob(codecs.BOM_UTF8 + json.dumps(spdx_of()).encode(), SPDX_JSON)]), sbom_tag(CHILD.digest))
    assert demo.learned(IMAGE.top()).build.version == VERSION


def test_a_document_of_spdx_3_gives_no_version_and_says_so(demo: Demo) -> None:
    package = {"type": "software_Package", "software_packageUrl": "pkg:apk/wolfi/demo@1.2.3-r4"}
    document = {"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [package]}
    demo.att(CHILD.digest, attestation(SPDX, document, CHILD.digest))
    assert "of SPDX 3, which is not read" in unclear(demo.learned(IMAGE.top()))


@pytest.mark.parametrize("predicate", [{"Data": "free text"}, {"Data": 1}, {"Data": None}, {}])
def test_cosign_s_predicate_for_anything_may_be_anything(demo: Demo, predicate: Document) -> None:
    demo.att(CHILD.digest, attestation("https://cosign.sigstore.dev/attestation/v1", predicate, CHILD.digest))
    assert "no packages in a predicate" in unclear(demo.learned(IMAGE.top()))


@pytest.mark.parametrize("type_", ["https://in-toto.io/Statement/v2", "", None])
def test_a_statement_of_another_type_is_refused(demo: Demo, type_: str | None) -> None:
    document = {**statement(SPDX, spdx_of(), CHILD.digest), "_type": type_}
    demo.att(CHILD.digest, blob(envelope(document), DSSE))
    assert "_type" in unclear(demo.learned(IMAGE.top()))


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


def stages(*documents: tuple[Package, ...]) -> Content:
    """An index in which BuildKit has attached an SBOM for the image, and those of the stages it was built in."""
    return IMAGE.top(buildkit(CHILD.digest, *(spdx_layer(CHILD.digest, *packages) for packages in documents)))


def test_of_buildkit_s_sboms_the_first_is_the_image_s_and_the_others_are_of_its_stages(demo: Demo) -> None:
    assert demo.learned(stages(PACKAGES, OTHER)).build.version == VERSION
    assert demo.learned(stages(OTHER, PACKAGES)).build.version == "1.2.4-r0"


def test_a_stage_s_packages_are_not_the_image_s_even_where_that_has_none(demo: Demo) -> None:
    learned = demo.learned(stages((), PACKAGES))
    assert "names no installed package" in unclear(learned)
    assert learned.packages is None


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


def test_a_disagreement_is_not_settled_by_the_packages_of_the_one_that_was_recorded(demo: Demo, tmp_path: Path) -> None:
    demo.att(CHILD.digest, *(attestation(SPDX, spdx_of(each), CHILD.digest) for each in (PACKAGES, OTHER)))
    demo.push(IMAGE.top(), "latest")
    images = f'[images.demo]\nrepository = "{demo.repository}"\ntracks = ["latest"]\n'
    index = Index(demo.upstream, tmp_path / "index", images)
    index.refresh()
    demo.push(replace(IMAGE, created="2026-02-02T00:00:00Z").top(), "latest")
    for _ in range(2):
        index.refresh()
        assert index.versions("demo") == [None, None]
    index.images += 'package = "demo"\n'
    index.refresh()
    assert index.versions("demo") == [None, None]


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


def others(*packages: tuple[Package, ...]) -> list[Content]:
    """Attestations of apko configurations, which name versions where no SBOM does."""
    return [attestation(IMAGE_CONFIGURATION, apko_of(each), CHILD.digest) for each in packages]


def test_of_what_merely_names_versions_all_in_one_place_are_read(demo: Demo) -> None:
    demo.att(CHILD.digest, *others(PACKAGES, OTHER))
    assert unclear(demo.learned(IMAGE.top())) == "the SBOMs of the build disagree about its version"


def test_one_that_fits_is_enough_and_so_many_are_read(demo: Demo) -> None:
    glibc = [(Package("glibc", f"2.{number}-r0"),) for number in range(20)]
    demo.att(CHILD.digest, *others(*glibc, PACKAGES))
    learned = demo.learned(IMAGE.top())
    assert demo.downloads() == 17, "sixteen, and the configuration for its label"
    assert learned.build.version in (VERSION, None)


def test_another_format_is_read_where_the_first_gave_nothing(demo: Demo) -> None:
    nothing = attestation(IMAGE_CONFIGURATION, apko_of(()), CHILD.digest)
    demo.att(CHILD.digest, nothing, attestation(PROVENANCE, provenance(PACKAGES), CHILD.digest))
    build = demo.learned(IMAGE.top()).build
    assert (build.version, build.sbom and build.sbom.format) == (VERSION, "slsa")


def test_what_names_versions_is_judged_place_by_place(referring: Demo) -> None:
    """The first place decides, whatever stands in the next."""
    referring.att(CHILD.digest, *others(PACKAGES))
    statement_ = in_toto(IMAGE_CONFIGURATION, apko_of(OTHER), CHILD.digest)
    referring.refer(CHILD, [statement_], IN_TOTO)
    build = referring.learned(IMAGE.top()).build
    assert (build.version, build.sbom and build.sbom.kind) == (VERSION, "cosign-attestation")


def test_an_sbom_of_the_image_keeps_the_index_s_from_being_asked(demo: Demo) -> None:
    top = IMAGE.top()
    demo.att(CHILD.digest, attestation(SPDX, spdx_of((Package("glibc", "2.41-r0"),)), CHILD.digest))
    demo.att(top.digest, attestation(SPDX, spdx_of(PACKAGES), top.digest))
    assert "no installed package fits" in unclear(demo.learned(top))


def test_a_document_in_a_statement_has_to_be_about_the_image_and_a_plain_one_not(demo: Demo) -> None:
    about = f"sha256:{'f' * 64}"
    demo.sbom(CHILD.digest, spdx_of(about=about), SPDX_JSON)
    assert demo.learned(IMAGE.top()).build.version == VERSION


@pytest.mark.parametrize("place", ["att", "sbom"])
def test_a_document_that_cannot_be_read_for_now_is_not_taken_for_none(demo: Demo, place: str) -> None:
    layer = attestation(SPDX, spdx_of(), CHILD.digest) if place == "att" else blob(spdx_of(), SPDX_JSON)
    demo.push(attached([layer]), f"{CHILD.digest.replace(':', '-')}.{place}")
    demo.upstream.inject(Fault(Answer(503), path=f"/blobs/{layer.digest}", times=None))
    with pytest.raises(TransientError, match="503"):
        demo.learned(IMAGE.top())


def described(demo: Demo, purl: str, *, by_relationship: bool) -> str:
    """The reason for which an SBOM is refused that says in either way that it describes `purl`."""
    document = spdx_with(purl)
    document.pop("documentDescribes", None)
    document["relationships"] = []
    if by_relationship:
        relationship = {"spdxElementId": "SPDXRef-DOCUMENT", "relatedSpdxElement": "SPDXRef-0"}
        document["relationships"] += [relationship | {"relationshipType": "DESCRIBES"}]
    else:
        document["documentDescribes"] = ["SPDXRef-0"]
    demo.att(CHILD.digest, attestation(SPDX, document, CHILD.digest))
    return demo.learned(IMAGE.top()).reason


@pytest.mark.parametrize("by_relationship", [False, True])
def test_an_image_is_described_in_either_way_and_a_layer_is_no_image(demo: Demo, by_relationship: bool) -> None:
    other = f"sha256:{'f' * 64}"
    expected = f"the document in the attestation is about {other}"
    for purl in (
        f"pkg:oci/demo@{other}",
        f"pkg:oci/demo@{other.replace(':', '%3A')}?arch=amd64",
        f"pkg:oci/demo@{other}#x",
    ):
        assert described(demo, purl, by_relationship=by_relationship).endswith(expected)
    for purl in (
        f"pkg:oci/demo@{CHILD.digest}?arch=amd64",
        f"pkg:oci/demo@{other}?mediaType=application%2Fvnd.oci.image.layer.v1.tar%2Bgzip",
        "pkg:oci/demo@sha256:short",
        f"pkg:generic/demo@{other}",
    ):
        assert described(demo, purl, by_relationship=by_relationship) == ""


def test_what_has_no_sbom_has_no_label_either(demo: Demo) -> None:
    build = demo.learned(ExampleImage(labels={"dev.chainguard.package.main": "glibc"}).top()).build
    assert (build.version, build.label, build.sbom) == (None, None, None)


def test_where_several_packages_fit_no_other_place_is_asked(demo: Demo) -> None:
    several = spdx_of((Package("demo-1", "1.0-r0"), Package("demo-2", "2.0-r0")))
    demo.att(CHILD.digest, attestation(SPDX, several, CHILD.digest))
    demo.sbom(CHILD.digest, spdx_of(), SPDX_JSON)
    learned = demo.learned(IMAGE.top())
    assert unclear(learned) == "several packages fit the image's name 'demo'"
    assert demo.upstream.requests.count(r"\.sbom$") == 0


def test_each_document_that_gave_nothing_is_a_reason(demo: Demo) -> None:
    odd = [attestation(f"somebody/{number}", {}, CHILD.digest) for number in range(2)]
    demo.att(CHILD.digest, *(replace(each, annotations={}) for each in odd))
    reasons = demo.learned(IMAGE.top()).reason.split("; ")
    assert sorted(reason[-len("'somebody/0'") :] for reason in reasons) == ["'somebody/0'", "'somebody/1'"]
