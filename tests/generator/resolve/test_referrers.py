"""Referrers as registries list them and tools attach them: of a type that tells nothing, or of many."""

import json
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generator.errors import TransientError
from tests.generator.attaching import (
    BUNDLE,
    CYCLONEDX_JSON,
    EMPTY,
    PACKAGES,
    SPDX_JSON,
    Demo,
    ExampleImage,
    bundle,
    cyclonedx_of,
    in_toto,
    spdx_of,
    unclear,
)
from tests.upstream import Answer, Content, Fault, blob, manifest
from tests.upstream.attestation import envelope, statement
from tests.upstream.oci import INDEX, LAYER, MANIFEST, serialise
from tests.upstream.sbom import SPDX

IMAGE = ExampleImage()
CHILD = IMAGE.child()
VERSION = "1.2.3-r4"


def listed(*referrers: Content, **changes: object) -> Content:
    """The index at the fallback tag, with other fields in its descriptors; None takes a field away."""
    descriptors = [{**referrer.descriptor(), **changes} for referrer in referrers]
    manifests = [{key: value for key, value in each.items() if value is not None} for each in descriptors]
    return Content(INDEX, serialise({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}))


def fall_back(demo: Demo, subject: Content, top: Content) -> None:
    demo.push(top, subject.digest.replace(":", "-"))


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


@pytest.mark.parametrize(
    "around",
    [
        lambda entries: {"manifests": entries},
        lambda entries: {"schemaVersion": 2, "manifests": [{"mediaType": MANIFEST, "digest": "x"}, 5, *entries]},
    ],
    ids=["no schemaVersion", "others that are none"],
)
def test_the_api_may_list_them_in_less_than_an_index(referring: Demo, around: Callable[[object], object]) -> None:
    referrer = referring.refer(CHILD, [LAYERS["spdx"]], SPDX_JSON)
    body = json.dumps(around([referrer.descriptor()])).encode()
    referring.upstream.inject(Fault(Answer(200, {}, body), path=f"/referrers/{CHILD.digest}", times=None))
    assert referring.learned(IMAGE.top()).build.version == VERSION


@pytest.mark.parametrize("body", [b'{"schemaVersion": 2, "manifests": null}', b"{}"])
def test_an_empty_list_of_them_may_be_nothing_at_all(referring: Demo, body: bytes) -> None:
    referring.upstream.inject(Fault(Answer(200, {}, body), path="/referrers/", times=None))
    assert unclear(referring.learned(IMAGE.top())) == "no SBOM is attached"


def test_a_page_for_people_is_no_list_of_them(referring: Demo) -> None:
    referring.upstream.inject(
        Fault(Answer(200, {"Content-Type": "text/html"}, b"<html>"), path="/referrers/", times=None)
    )
    referring.fall_back(CHILD, referring.refer(CHILD, [LAYERS["spdx"]], SPDX_JSON))
    assert referring.learned(IMAGE.top()).build.version == VERSION


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


def test_a_manifest_s_own_annotation_tells_what_its_bundle_is_about(demo: Demo) -> None:
    referrers = []
    for type_ in ("https://cosign.sigstore.dev/attestation/vuln/v1", SPDX):
        annotations = {"dev.sigstore.bundle.predicateType": type_}
        referrers.append(demo.refer(CHILD, [bundle(type_, spdx_of(), CHILD.digest)], BUNDLE, **annotations))
    fall_back(demo, CHILD, listed(*referrers, annotations=None))
    assert demo.learned(IMAGE.top()).build.version == VERSION
    assert demo.downloads() == 2, "the SBOM, and the config for its label"


def test_a_referrer_that_is_not_there_keeps_no_other_away(demo: Demo) -> None:
    missing = manifest(EMPTY, [blob({}, SPDX_JSON)], artifact_type=SPDX_JSON, subject=CHILD)
    there = demo.refer(CHILD, [LAYERS["spdx"]], "")
    fall_back(demo, CHILD, listed(missing, there))
    assert demo.learned(IMAGE.top()).build.version == VERSION


def test_those_behind_one_that_is_not_there_are_looked_at(demo: Demo) -> None:
    missing = manifest(EMPTY, [blob({}, SPDX_JSON)], artifact_type=SPDX_JSON, subject=CHILD)
    some = [demo.refer(CHILD, [LAYERS["spdx"]], SPDX_JSON, number=str(number)) for number in range(8)]
    behind = max(some, key=lambda each: each.digest)
    assert missing.digest < behind.digest
    fall_back(demo, CHILD, listed(missing, behind, annotations=None))
    assert demo.learned(IMAGE.top()).build.version == VERSION


def test_a_referrer_that_is_not_there_is_the_reason_where_no_other_is(demo: Demo) -> None:
    missing = manifest(EMPTY, [blob({}, SPDX_JSON)], artifact_type=SPDX_JSON, subject=CHILD)
    fall_back(demo, CHILD, listed(missing))
    assert missing.digest in demo.learned(IMAGE.top()).reason


def test_what_refers_to_nothing_is_no_referrer_though_the_tag_lists_it(demo: Demo) -> None:
    stray = manifest(EMPTY, [LAYERS["spdx"]], artifact_type=SPDX_JSON)
    demo.push(stray)
    fall_back(demo, CHILD, listed(stray, artifactType=SPDX_JSON))
    learned = demo.learned(IMAGE.top())
    assert (learned.build.version, learned.build.sbom) == (None, None)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_of_many_alike_the_same_are_looked_at_in_whatever_order_they_are_listed(
    demo: Demo, data: st.DataObject
) -> None:
    """More than are looked at, and each of another size, so that any other choice is another SBOM."""
    subject = ExampleImage(architectures=("amd64",)).child()
    referrers = [
        demo.refer(subject, [blob(cyclonedx_of((*PACKAGES, *PACKAGES[:1] * number)), CYCLONEDX_JSON)], CYCLONEDX_JSON)
        for number in range(20)
    ]
    found = set()
    for order in (referrers, data.draw(st.permutations(referrers))):
        fall_back(demo, subject, listed(*order, artifactType=CYCLONEDX_JSON))
        build = demo.learned(ExampleImage(architectures=("amd64",)).top()).build
        asked = {request.target for request in demo.upstream.requests.matching("/manifests/sha256:")}
        found.add((build.sbom, frozenset(asked)))
    assert len(found) == 1


def test_a_referrer_that_cannot_be_read_for_now_is_not_passed_over_whatever_else_is_wrong(demo: Demo) -> None:
    missing = manifest(EMPTY, [blob({}, SPDX_JSON)], artifact_type=SPDX_JSON, subject=CHILD)
    there = [demo.refer(CHILD, [LAYERS["spdx"]], SPDX_JSON, number=str(number)) for number in range(3)]
    later = max(there, key=lambda each: each.digest)
    assert missing.digest < later.digest, "the order in which they are looked at"
    fall_back(demo, CHILD, listed(missing, *there, annotations=None))
    demo.upstream.inject(Fault(Answer(503), path=later.digest, times=None))
    with pytest.raises(TransientError, match="503"):
        demo.learned(IMAGE.top())


@pytest.mark.parametrize(
    ("likelier", "other"),
    [
        ("APPLICATION/VND.SOMEBODY.SBOM", "somebody"),
        ("somebody/x-CycloneDX", "somebody"),
        ("somebody/SPDX", None),
        ("somebody/bom", "application/vnd.oci.empty.v1+json"),
        (None, "somebody"),
        ("", "somebody"),
        ("application/vnd.OCI.empty.v1+json", "somebody"),
        ("application/vnd.in-toto+json", "somebody/sbom"),
        (SPDX_JSON, "application/vnd.in-toto+json"),
    ],
)
def test_of_more_than_are_looked_at_those_are_whose_type_promises_more(
    demo: Demo, likelier: str | None, other: str | None
) -> None:
    """Sixteen are; where they would be taken by their digests, not each of these few would be among them."""
    others = [demo.refer(CHILD, [blob(bytes([number]), LAYER)], "", number=str(number)) for number in range(40)]
    few = [demo.refer(CHILD, [blob(bytes([number]), LAYER)], "", few=str(number)) for number in range(8)]
    listing = [
        *listed(*others, artifactType=other, annotations={}).document["manifests"],
        *listed(*few, artifactType=likelier, annotations={}).document["manifests"],
    ]
    fall_back(demo, CHILD, Content(INDEX, serialise({"schemaVersion": 2, "mediaType": INDEX, "manifests": listing})))
    demo.learned(IMAGE.top())
    asked = {request.path.rpartition("/")[2] for request in demo.upstream.requests.matching("/manifests/sha256:")}
    assert {each.digest for each in few} <= asked
    assert len({each.digest for each in others} & asked) == 8


@pytest.mark.parametrize("type_", ["Application/VND.CNCF.Notary.SIGNATURE", "x.SIG.y", "x+Sig"])
def test_a_signature_is_told_in_either_case(demo: Demo, type_: str) -> None:
    signature = demo.refer(CHILD, [blob({}, "application/json")], type_)
    fall_back(demo, CHILD, listed(signature))
    demo.learned(IMAGE.top())
    assert demo.upstream.requests.count(signature.digest) == 0


def test_those_behind_one_that_is_about_something_else_are_looked_at(demo: Demo) -> None:
    other = ExampleImage(labels={"another": "image"}).child()
    strays = [demo.refer(other, [LAYERS["spdx"]], SPDX_JSON, number=str(number)) for number in range(8)]
    about = [demo.refer(CHILD, [LAYERS["spdx"]], SPDX_JSON, number=str(number)) for number in range(8)]
    first, behind = min(strays, key=lambda each: each.digest), max(about, key=lambda each: each.digest)
    assert first.digest < behind.digest, "the order in which they are looked at"
    fall_back(demo, CHILD, listed(behind, first, annotations=None))
    assert demo.learned(IMAGE.top()).build.version == VERSION
