"""Indexes that do not say everything, or hold another index; subjects named by another algorithm."""

import hashlib
import json
from dataclasses import replace

import pytest

from generator.errors import MalformedError, TransientError
from tests.generator.attaching import (
    EMPTY,
    PACKAGES,
    Demo,
    ExampleImage,
    buildkit,
    spdx_layer,
    spdx_of,
)
from tests.upstream import Answer, Content, Fault, attestation, blob, index, manifest
from tests.upstream.attestation import IN_TOTO, statement
from tests.upstream.oci import CONFIG, LAYER, MANIFEST, serialise
from tests.upstream.sbom import SPDX

IMAGE = ExampleImage()
CHILD = IMAGE.child()
VERSION = "1.2.3-r4"


def test_an_entry_without_a_platform_has_that_of_its_configuration(demo: Demo) -> None:
    children = [replace(IMAGE.child(architecture), platform={}) for architecture in ("amd64", "arm64")]
    artifact = manifest(EMPTY, [blob(b"x", LAYER)])
    demo.att(CHILD.digest, attestation(SPDX, spdx_of(), CHILD.digest))
    build = demo.learned(index([artifact, *reversed(children)])).build
    assert build.version == VERSION
    assert build.platforms == {f"linux/{a}": IMAGE.child(a).digest for a in ("amd64", "arm64")}


@pytest.mark.parametrize(
    "platform", [{"os": "linux"}, {"os": "li\nnux", "architecture": "amd64"}, {"os": "\u043binux"}]
)
def test_so_has_one_whose_platform_nobody_could_ask_for(demo: Demo, platform: dict[str, str]) -> None:
    assert demo.learned(index([replace(CHILD, platform=platform)])).build.platforms == {"linux/amd64": CHILD.digest}


def test_of_two_entries_for_one_platform_the_first_is_its_image(demo: Demo) -> None:
    other = replace(IMAGE, created="2026-02-02T00:00:00Z").child()
    assert demo.learned(index([CHILD, other])).build.platforms == {"linux/amd64": CHILD.digest}
    assert demo.learned(index([other, CHILD])).build.platforms == {"linux/amd64": other.digest}


def test_what_programs_in_go_write_for_nothing_is_nothing(demo: Demo) -> None:
    config = {"os": "linux", "architecture": "amd64", "config": {"Labels": {"a": None}}}
    document = json.loads(manifest(blob(config, CONFIG), []).data)
    child = Content(MANIFEST, serialise(document | {"layers": None, "annotations": {"a": None}, "subject": None}))
    demo.push(blob(config, CONFIG))
    build = demo.learned(replace(child, platform={"os": "linux", "architecture": "amd64"})).build
    assert build.platforms == {"linux/amd64": child.digest}


def test_an_index_inside_the_index_is_opened_and_what_that_lists_is_attached_to_as_well(demo: Demo) -> None:
    arm = IMAGE.child("arm64")
    inner = index([CHILD, buildkit(CHILD.digest, spdx_layer(CHILD.digest, *PACKAGES))])
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


def test_an_entry_that_cannot_be_read_is_no_platform(demo: Demo) -> None:
    lost = replace(IMAGE.child("arm64"), platform={}, children=())
    top = index([CHILD, lost])
    demo.att(CHILD.digest, attestation(SPDX, spdx_of(), CHILD.digest))
    demo.upstream.inject(Fault(Answer(404), path=f"/manifests/{lost.digest}", times=None))
    build = demo.learned(top).build
    assert (build.version, build.platforms) == (VERSION, {"linux/amd64": CHILD.digest})


def test_an_entry_that_cannot_be_read_for_now_is_waited_for(demo: Demo) -> None:
    lost = replace(IMAGE.child("arm64"), platform={})
    demo.upstream.inject(Fault(Answer(503), path=f"/manifests/{lost.digest}", times=None))
    with pytest.raises(TransientError, match="503"):
        demo.learned(index([CHILD, lost]))


@pytest.mark.parametrize(("count", "is_found"), [(15, True), (16, False)])
def test_so_many_entries_without_a_platform_are_opened(demo: Demo, count: int, is_found: bool) -> None:
    artifacts = [manifest(EMPTY, [blob(bytes([number]), LAYER)]) for number in range(count)]
    last = replace(IMAGE.child("arm64"), platform={})
    platforms = demo.learned(index([CHILD, *artifacts, last])).build.platforms
    assert ("linux/arm64" in platforms) == is_found
    assert platforms["linux/amd64"] == CHILD.digest


@pytest.mark.parametrize(("count", "is_found"), [(15, True), (16, False)])
def test_so_many_indexes_inside_the_index_are_opened(demo: Demo, count: int, is_found: bool) -> None:
    inner = [
        index([replace(CHILD, platform={"os": "unknown", "architecture": str(number)})]) for number in range(count)
    ]
    platforms = demo.learned(index([CHILD, *inner, index([IMAGE.child("arm64")])])).build.platforms
    assert ("linux/arm64" in platforms) == is_found


def test_a_platform_of_no_known_system_is_none(demo: Demo) -> None:
    odd = replace(IMAGE.child("arm64"), platform={"os": "unknown", "architecture": "unknown"})
    assert demo.learned(index([CHILD, odd])).build.platforms == {"linux/amd64": CHILD.digest}


def test_what_an_entry_says_of_its_platform_goes_before_the_configuration_of_another(demo: Demo) -> None:
    stated, silent = IMAGE.child(), replace(ExampleImage(labels={"a": "b"}).child(), platform={})
    build = demo.learned(index([silent, stated])).build
    assert build.platforms == {"linux/amd64": stated.digest}


@pytest.mark.parametrize(("count", "is_sound"), [(256, True), (257, False)])
def test_more_platforms_than_any_image_has_are_not_recorded(demo: Demo, count: int, is_sound: bool) -> None:
    """A build of four megabytes of them would make the index as much larger, and so would the next one."""
    platforms = [{"os": "linux", "architecture": "amd64" if not number else f"a{number}"} for number in range(count)]
    top = index([replace(CHILD, platform=platform) for platform in platforms])
    if is_sound:
        assert len(demo.learned(top).build.platforms) == count
    else:
        with pytest.raises(MalformedError, match="an image index of 257 platforms, over the bound of 256"):
            demo.learned(top)
