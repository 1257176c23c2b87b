"""Every place where an SBOM can live and every format it can have: found, trusted only where right, never twice."""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from generator.resolve.envelope import open_dsse
from tests.generator.attaching import (
    BUNDLE,
    CYCLONEDX,
    CYCLONEDX_JSON,
    FORMATS,
    PACKAGES,
    SPDX_JSON,
    Demo,
    ExampleImage,
    buildkit,
    bundle,
    cyclonedx_of,
    in_toto,
    spdx_of,
    unlabelled,
)
from tests.generator.conftest import QUICK
from tests.upstream import Answer, Content, Corrupt, Fault, Mislabel, Package, attestation, blob
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
from tests.upstream.oci import CONFIG, DOCKER_LIST, DOCKER_MANIFEST, INDEX, MANIFEST
from tests.upstream.sbom import SPDX

OTHER = "sha256:" + "a" * 64
IMAGE = ExampleImage()
CHILD = IMAGE.child()


def spdx_attestation(subject: str, *packages: Package) -> Content:
    return attestation(SPDX, spdx_of(packages or PACKAGES), subject)


def attested(format_: str) -> Content:
    predicate, make = FORMATS[format_]
    return attestation(predicate, make(PACKAGES), CHILD.digest)


# Each puts a document about `subject` somewhere and gives the index to look at.


def in_att(demo: Demo, subject: Content, predicate: str, document: dict[str, object]) -> Content:
    demo.att(subject.digest, attestation(predicate, document, subject.digest))
    return IMAGE.top()


def in_referring_bundle(demo: Demo, subject: Content, predicate: str, document: dict[str, object]) -> Content:
    layers = [bundle(predicate, document, subject.digest)]
    demo.upstream.options.referrers = True
    demo.refer(subject, layers, BUNDLE, **{"dev.sigstore.bundle.predicateType": predicate})
    return IMAGE.top()


def in_fallback_bundle(demo: Demo, subject: Content, predicate: str, document: dict[str, object]) -> Content:
    demo.fall_back(subject, demo.refer(subject, [bundle(predicate, document, subject.digest)], BUNDLE))
    return IMAGE.top()


def in_referring_statement(demo: Demo, subject: Content, predicate: str, document: dict[str, object]) -> Content:
    demo.upstream.options.referrers = True
    demo.refer(subject, [in_toto(predicate, document, subject.digest)], IN_TOTO)
    return IMAGE.top()


def in_buildkit(demo: Demo, subject: Content, predicate: str, document: dict[str, object]) -> Content:
    layer = in_toto(predicate, document, subject.digest, **{"in-toto.io/predicate-type": predicate})
    return IMAGE.top(buildkit(subject.digest, layer))


Put = Callable[[Demo, Content, str, dict[str, object]], Content]
HOMES: dict[str, tuple[Put, str]] = {
    "cosign attestation": (in_att, "cosign-attestation"),
    "sigstore bundle by the referrers API": (in_referring_bundle, "referrer"),
    "sigstore bundle by the fallback tag": (in_fallback_bundle, "referrer"),
    "in-toto statement by the referrers API": (in_referring_statement, "referrer"),
    "BuildKit": (in_buildkit, "buildkit"),
}


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("home", HOMES)
def test_every_format_is_read_in_every_home_of_attestations(demo: Demo, home: str, format_: str) -> None:
    put, kind = HOMES[home]
    predicate, make = FORMATS[format_]
    learned = demo.learned(put(demo, CHILD, predicate, make(PACKAGES)))
    assert (learned.build.version, learned.reason) == ("1.2.3-r4", "")
    assert learned.build.sbom
    assert (learned.build.sbom.kind, learned.build.sbom.format) == (kind, format_)
    namespace = "" if format_ in ("apko", "slsa") else "wolfi/"
    assert set(learned.packages or ()) == {f"apk/{namespace}demo@1.2.3-r4", f"apk/{namespace}glibc@2.41-r0"}
    assert demo.downloads() == 2, "the attestation, and the config for its label"


@pytest.mark.parametrize(
    ("media_type", "document"),
    [
        (SPDX_JSON, spdx_of()),
        ("text/spdx+json", spdx_of()),
        (CYCLONEDX_JSON, cyclonedx_of()),
        (f"{CYCLONEDX_JSON}; version=1.5", cyclonedx_of()),
    ],
)
@pytest.mark.parametrize("home", ["cosign-sbom", "referrer"])
def test_plain_documents_are_read(demo: Demo, home: str, media_type: str, document: dict[str, object]) -> None:
    if home == "cosign-sbom":
        demo.sbom(CHILD.digest, document, media_type)
    else:
        demo.upstream.options.referrers = True
        demo.refer(CHILD, [blob(document, media_type)], media_type)
    learned = demo.learned(IMAGE.top())
    assert learned.build.version == "1.2.3-r4"
    assert learned.build.sbom
    assert learned.build.sbom.kind == home


@pytest.mark.parametrize("home", [in_att, in_referring_bundle, in_fallback_bundle, in_referring_statement])
def test_what_is_attached_to_the_index_speaks_where_the_platform_has_nothing(demo: Demo, home: Put) -> None:
    top = IMAGE.top()
    home(demo, top, SPDX, spdx_of())
    assert demo.learned(top).build.version == "1.2.3-r4"


def test_what_is_attached_to_the_platform_goes_before_the_index(demo: Demo) -> None:
    top = IMAGE.top()
    demo.att(top.digest, spdx_attestation(top.digest, Package("demo", "9-r0")))
    demo.att(CHILD.digest, spdx_attestation(CHILD.digest))
    assert demo.learned(top).build.version == "1.2.3-r4"
    assert demo.downloads() == 2


@pytest.mark.parametrize("home", [in_att, in_referring_bundle, in_referring_statement])
def test_an_image_of_one_platform_needs_no_index(demo: Demo, home: Put) -> None:
    home(demo, CHILD, SPDX, spdx_of())
    build = demo.learned(replace(IMAGE, is_indexed=False).top()).build
    assert (build.version, build.media_type) == ("1.2.3-r4", MANIFEST)
    assert build.platforms == {"linux/amd64": build.digest}
    assert build.created


def test_docker_schema_2_is_read(demo: Demo) -> None:
    child_data = CHILD.data.replace(MANIFEST.encode(), DOCKER_MANIFEST.encode())
    child_data = child_data.replace(CONFIG.encode(), b"application/vnd.docker.container.image.v1+json")
    child = replace(CHILD, media_type=DOCKER_MANIFEST, data=child_data)
    top = Content(DOCKER_LIST, replace(IMAGE, architectures=()).top(child).data, (child,))
    top = replace(top, data=top.data.replace(INDEX.encode(), DOCKER_LIST.encode()))
    demo.att(child.digest, spdx_attestation(child.digest))
    build = demo.learned(top).build
    assert (build.version, build.media_type) == ("1.2.3-r4", DOCKER_LIST)
    assert build.platforms == {"linux/amd64": child.digest}
    assert demo.learned(child).build.media_type == DOCKER_MANIFEST


def test_the_platform_that_speaks_is_amd64_or_else_the_first(demo: Demo) -> None:
    both = ExampleImage(architectures=("arm64", "amd64"))
    demo.att(both.child("amd64").digest, spdx_attestation(both.child("amd64").digest))
    demo.att(both.child("arm64").digest, spdx_attestation(both.child("arm64").digest, Package("demo", "9-r0")))
    assert demo.learned(both.top()).build.version == "1.2.3-r4"
    assert demo.learned(ExampleImage(architectures=("arm64",)).top()).build.version == "9-r0"


def test_buildkit_attestations_are_no_platform_and_only_their_own_image_s(demo: Demo) -> None:
    other = IMAGE.child("arm64")
    theirs = in_toto(SPDX, spdx_of([Package("demo", "9-r0")]), other.digest)
    ours = in_toto(SPDX, spdx_of(), CHILD.digest)
    learned = demo.learned(IMAGE.top(buildkit(other.digest, theirs), buildkit(CHILD.digest, ours)))
    assert learned.build.version == "1.2.3-r4"
    assert list(learned.build.platforms) == ["linux/amd64", "linux/arm64"]


# Order, and what it costs.


def test_an_sbom_goes_before_what_merely_names_versions_wherever_it_lives(referring: Demo) -> None:
    wrong = [Package("demo", "9-r0")]
    referring.att(
        CHILD.digest,
        attestation(PROVENANCE, provenance(wrong), CHILD.digest),
        attestation(IMAGE_CONFIGURATION, FORMATS["apko"][1](wrong), CHILD.digest),
    )
    referring.refer(CHILD, [blob(spdx_of(), SPDX_JSON)], SPDX_JSON)
    assert referring.learned(IMAGE.top()).build.version == "1.2.3-r4"
    assert referring.downloads() == 2


@pytest.mark.parametrize(
    ("order", "best", "downloads"),
    [(("slsa", "apko"), "apko", 2), (("slsa", "apko", "spdx"), "spdx", 2), (("slsa", "cyclonedx", "spdx"), "spdx", 3)],
)
def test_of_one_manifest_s_attestations_those_of_the_best_rank_are_downloaded_alone(
    demo: Demo, order: tuple[str, ...], best: str, downloads: int
) -> None:
    demo.att(CHILD.digest, *map(attested, order))
    learned = demo.learned(IMAGE.top())
    assert learned.build.sbom
    assert learned.build.sbom.format == best
    assert demo.downloads() == downloads


def test_a_build_s_parameters_that_are_no_packages_are_left_out(demo: Demo) -> None:
    document = provenance(PACKAGES)
    document["buildDefinition"]["internalParameters"] |= {
        "run_id": "123",
        "environment": {"GITHUB_RUN_ATTEMPT": "2", "GOVERSION": "1.24.1"},
        "arguments": ["jobs=4", "left-pad=1.0"],
    }
    demo.att(CHILD.digest, attestation(PROVENANCE, document, CHILD.digest))
    assert demo.learned(IMAGE.top()).packages == frozenset({"apk/demo@1.2.3-r4", "apk/glibc@2.41-r0"})


def test_other_homes_are_not_asked_once_one_has_answered(referring: Demo) -> None:
    referring.att(CHILD.digest, spdx_attestation(CHILD.digest))
    referring.sbom(CHILD.digest, cyclonedx_of(), CYCLONEDX_JSON)
    referring.refer(CHILD, [blob(spdx_of(), SPDX_JSON)], SPDX_JSON)
    assert referring.learned(IMAGE.top()).build.version == "1.2.3-r4"
    assert referring.upstream.requests.count(r"\.sbom|referrers") == 0


def test_attestations_that_say_nothing_of_themselves_are_each_opened_once(demo: Demo) -> None:
    demo.att(CHILD.digest, *(unlabelled(attested(format_)) for format_ in ("slsa", "apko")))
    learned = demo.learned(IMAGE.top())
    assert learned.build.sbom
    assert learned.build.sbom.format == "apko"
    assert demo.downloads() == 3, "each attestation once, and the config"


def test_signatures_and_other_attestations_are_not_downloaded(referring: Demo) -> None:
    other = attestation("https://slsa.dev/verification_summary/v1", {}, CHILD.digest)
    referring.att(CHILD.digest, other)
    referring.refer(
        CHILD, [blob(b"signature", "application/vnd.dev.cosign.simplesigning.v1+json")], "application/x-sig"
    )
    vulnerabilities = bundle("https://cosign.sigstore.dev/attestation/vuln/v1", {}, CHILD.digest)
    annotations = {"dev.sigstore.bundle.predicateType": "https://cosign.sigstore.dev/attestation/vuln/v1"}
    referring.refer(CHILD, [vulnerabilities], BUNDLE, **annotations)
    learned = referring.learned(IMAGE.top())
    assert (learned.build.version, learned.reason) == (None, "no SBOM is attached")
    assert referring.downloads() == 0


def test_with_package_in_images_toml_the_label_is_not_downloaded(demo: Demo) -> None:
    demo.att(CHILD.digest, spdx_attestation(CHILD.digest))
    assert demo.learned(IMAGE.top(), package="glibc").build.version == "2.41-r0"
    assert demo.downloads() == 1


# Trust.


def test_an_attestation_about_another_subject_is_refused(demo: Demo) -> None:
    demo.att(CHILD.digest, spdx_attestation(OTHER))
    learned = demo.learned(IMAGE.top())
    assert (learned.build.version, learned.build.sbom, learned.packages) == (None, None, None)
    assert learned.reason.endswith(f"the attestation's subject is not {CHILD.digest}")


def test_an_attestation_about_the_index_says_nothing_of_the_platform(demo: Demo) -> None:
    top = IMAGE.top()
    demo.att(CHILD.digest, spdx_attestation(top.digest))
    assert demo.learned(top).build.version is None


def test_one_of_several_subjects_is_enough(demo: Demo) -> None:
    demo.att(CHILD.digest, blob(several_subjects(OTHER, CHILD.digest), DSSE))
    assert demo.learned(IMAGE.top()).build.version == "1.2.3-r4"


def several_subjects(*digests: str) -> dict[str, object]:
    document = statement(SPDX, spdx_of(), digests[0])
    document["subject"] = [{"name": "x", "digest": {"sha256": digest.partition(":")[2]}} for digest in digests]
    return envelope(document)


def test_a_referrer_that_the_tag_lists_but_that_refers_to_something_else_is_refused(demo: Demo) -> None:
    other = replace(IMAGE, labels={"another": "image"}).child()
    demo.fall_back(CHILD, demo.refer(other, [blob(spdx_of(), SPDX_JSON)], SPDX_JSON))
    assert demo.learned(IMAGE.top()).build.version is None


def test_an_sbom_over_the_bound_is_not_downloaded_and_the_reason_named(demo: Demo) -> None:
    demo.att(CHILD.digest, spdx_attestation(CHILD.digest))
    learned = demo.learned(IMAGE.top(), limits=replace(QUICK, blob=1000))
    assert (learned.build.version, learned.build.created is None) == (None, False)
    assert "over the bound of 1000" in learned.reason
    assert demo.downloads() == 0


def test_an_sbom_over_the_bound_leaves_the_next_source(demo: Demo) -> None:
    demo.att(CHILD.digest, attested("spdx"), attested("apko"))
    build = demo.learned(IMAGE.top(), limits=replace(QUICK, blob=1500)).build
    assert (build.version, build.sbom and build.sbom.format) == ("1.2.3-r4", "apko")


def test_a_blob_that_is_longer_than_its_descriptor_says_is_refused(demo: Demo) -> None:
    layer = spdx_attestation(CHILD.digest)
    lying = attached_with(layer, size=len(layer.data) - 1)
    demo.push(lying, f"{CHILD.digest.replace(':', '-')}.att")
    assert "more than" in demo.learned(IMAGE.top()).reason


def test_a_blob_that_is_shorter_than_its_descriptor_says_is_refused(demo: Demo) -> None:
    layer = spdx_attestation(CHILD.digest)
    demo.push(attached_with(layer, size=len(layer.data) + 1), f"{CHILD.digest.replace(':', '-')}.att")
    assert f"{len(layer.data)} bytes instead of {len(layer.data) + 1}" in demo.learned(IMAGE.top()).reason


def attached_with(layer: Content, *, size: int) -> Content:
    """The manifest of an attestation with another size in its descriptor."""
    right = attached([layer])
    stated = f'"size":{len(layer.data)},"digest":"{layer.digest}"'.encode()
    wrong = f'"size":{size},"digest":"{layer.digest}"'.encode()
    assert stated in right.data
    return replace(right, data=right.data.replace(stated, wrong))


def test_a_platform_whose_manifest_has_another_size_than_the_index_says_is_refused(demo: Demo) -> None:
    demo.att(CHILD.digest, spdx_attestation(CHILD.digest))
    top = IMAGE.top()
    stated, wrong = f'"size":{len(CHILD.data)},'.encode(), f'"size":{len(CHILD.data) + 1},'.encode()
    learned = demo.learned(replace(top, data=top.data.replace(stated, wrong)))
    assert learned.build.version is None
    assert f"{len(CHILD.data)} bytes instead of {len(CHILD.data) + 1}" in learned.reason


@pytest.mark.parametrize("path", ["/manifests/sha256:", r"\.att$"])
def test_a_corrupted_manifest_is_refused(demo: Demo, path: str) -> None:
    demo.att(CHILD.digest, spdx_attestation(CHILD.digest))
    top = IMAGE.top()
    demo.push(top)
    demo.upstream.inject(Fault(Corrupt(), path=path if ".att" in path else f"/manifests/{CHILD.digest}", times=None))
    learned = demo.learned(top)
    assert learned.build.version is None
    assert "the content does not have the digest" in learned.reason


def test_a_corrupted_sbom_is_refused(demo: Demo) -> None:
    demo.att(CHILD.digest, spdx_attestation(CHILD.digest))
    demo.upstream.inject(Fault(Corrupt(), side="cdn", times=None))
    learned = demo.learned(IMAGE.top())
    assert learned.build.version is None
    assert "the content does not have the digest" in learned.reason


def test_a_manifest_without_a_stated_digest_or_type_is_still_itself(demo: Demo) -> None:
    demo.att(CHILD.digest, spdx_attestation(CHILD.digest))
    missing = Mislabel({"Docker-Content-Digest": None, "Content-Type": "text/plain"})
    demo.upstream.inject(Fault(missing, path="/manifests/", times=None))
    assert demo.learned(IMAGE.top()).build.version == "1.2.3-r4"


def with_purl(purl: str) -> dict[str, object]:
    reference = {"referenceType": "purl", "referenceLocator": purl}
    return {"spdxVersion": "SPDX-2.3", "packages": [{"name": "demo", "externalRefs": [reference]}]}


@pytest.mark.parametrize("encode", [base64.standard_b64encode, base64.urlsafe_b64encode])
def test_either_alphabet_of_base64_opens_an_envelope(encode: Callable[[bytes], bytes]) -> None:
    type_ = "https://in-toto.io/Statement/v1"
    statement = json.dumps({"_type": type_, "predicateType": "???>>>~~~", "subject": [], "predicate": {}}).encode()
    envelope = json.dumps({"payloadType": IN_TOTO, "payload": encode(statement).decode()}).encode()
    assert open_dsse(envelope, "envelope").predicate_type == "???>>>~~~"


BROKEN = {
    "JSON": (blob(b"{", DSSE), "truncated"),
    "JSON of another shape": (blob(b"[]", DSSE), "Expected `object`"),
    "UTF-8": (blob(b'{"payloadType": "\xff"}', DSSE), "malformed|invalid|utf-8"),
    "base64": (blob({"payloadType": IN_TOTO, "payload": "***"}, DSSE), "not base64"),
    "payload type": (blob({"payloadType": "text/html", "payload": ""}, DSSE), "payload of type 'text/html'"),
    "statement": (blob({"payloadType": IN_TOTO, "payload": "e30="}, DSSE), "missing required field"),
    "SPDX": (attestation(SPDX, {"packages": []}, CHILD.digest), "it has no spdxVersion"),
    "CycloneDX": (attestation(CYCLONEDX, {"components": []}, CHILD.digest), "missing required field `bomFormat`"),
    "purl": (
        attestation(SPDX, with_purl("pkg:apk/wolfi/demo?arch=x86_64"), CHILD.digest),
        "names no installed package",
    ),
    "no packages": (attestation(SPDX, spdx_of([]), CHILD.digest), "names no installed package"),
    "depth": (blob(b'{"x":' * 100_000, DSSE), "malformed|truncated|deep"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_malformed_ends_as_one_line(demo: Demo, what: str) -> None:
    layer, reason = BROKEN[what]
    demo.att(CHILD.digest, layer)
    learned = demo.learned(IMAGE.top())
    assert "\n" not in learned.reason
    assert learned.reason.isascii()
    assert re.search(reason, learned.reason, re.IGNORECASE), learned.reason


def test_a_malformed_document_leaves_the_next_home(referring: Demo) -> None:
    referring.att(CHILD.digest, blob(b"{", DSSE))
    referring.refer(CHILD, [blob(spdx_of(), SPDX_JSON)], SPDX_JSON)
    assert referring.learned(IMAGE.top()).build.version == "1.2.3-r4"


@pytest.mark.parametrize("status", [400, 404, 405, 406])
def test_a_registry_without_the_referrers_api_is_asked_for_the_tag(demo: Demo, status: int) -> None:
    demo.upstream.inject(Fault(Answer(status), path="/referrers/", times=None))
    demo.fall_back(CHILD, demo.refer(CHILD, [blob(spdx_of(), SPDX_JSON)], SPDX_JSON))
    assert demo.learned(IMAGE.top()).build.version == "1.2.3-r4"


@pytest.mark.parametrize("created", ["yesterday", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00", ""])
def test_a_malformed_date_is_no_date(demo: Demo, created: str) -> None:
    image = ExampleImage(created=created)
    demo.att(image.child().digest, spdx_attestation(image.child().digest))
    build = demo.learned(image.top()).build
    assert (build.version, build.created) == ("1.2.3-r4", None)


def test_a_version_that_the_distribution_does_not_know_is_a_reason(demo: Demo) -> None:
    demo.att(CHILD.digest, spdx_attestation(CHILD.digest, Package("demo", "v1.2")))
    learned = demo.learned(IMAGE.top())
    assert learned.build.version is None
    assert learned.build.sbom
    assert set(learned.packages or ()) == {"apk/wolfi/demo@v1.2"}
    assert learned.build.unknown
    assert learned.build.unknown.reason == "the version of demo is none by the rules of apk"
    assert "candidates: demo v1.2" in learned.reason


def test_a_document_about_another_image_in_a_statement_about_this_one_is_refused(demo: Demo) -> None:
    top, other = ExampleImage().top(), f"sha256:{'1' * 64}"
    child = ExampleImage().child().digest
    demo.att(child, attestation(SPDX, spdx_of(about=other), child))
    learned = demo.learned(top)
    assert learned.build.version is None
    assert f"the document in the attestation is about {other}" in learned.reason


@pytest.mark.parametrize("about", [ExampleImage().child().digest, ExampleImage().top().digest])
def test_a_document_about_the_platform_or_its_index_is_read(demo: Demo, about: str) -> None:
    child = ExampleImage().child().digest
    demo.att(child, attestation(SPDX, spdx_of(about=about), child))
    assert demo.learned(ExampleImage().top()).build.version == "1.2.3-r4"


@pytest.mark.parametrize("format_", FORMATS)
def test_a_predicate_type_may_end_in_its_version(demo: Demo, format_: str) -> None:
    predicate, make = FORMATS[format_]
    demo.att(CHILD.digest, attestation(f"{predicate}/v9", make(PACKAGES), CHILD.digest))
    assert demo.learned(IMAGE.top()).build.version == "1.2.3-r4"


@pytest.mark.parametrize("change", [lambda t: f"{t}ation", lambda t: t[:-1], str.upper, lambda t: f"x{t}"])
@pytest.mark.parametrize("format_", FORMATS)
def test_a_predicate_type_that_is_like_another_is_not_that_one(
    demo: Demo, format_: str, change: Callable[[str], str]
) -> None:
    predicate, make = FORMATS[format_]
    demo.att(CHILD.digest, unlabelled(attestation(change(predicate), make(PACKAGES), CHILD.digest)))
    learned = demo.learned(IMAGE.top())
    assert learned.build.version is None
    assert "no packages in a predicate" in learned.reason


def test_of_more_documents_than_are_read_those_are_that_say_what_they_are(demo: Demo) -> None:
    other = [unlabelled(attestation(f"somebody/{number}", {}, CHILD.digest)) for number in range(20)]
    demo.att(CHILD.digest, *other, spdx_attestation(CHILD.digest), *other)
    assert demo.learned(IMAGE.top()).build.version == "1.2.3-r4"
