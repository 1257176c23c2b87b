"""Builds that have no SBOM: what asking for one again costs, and when it is done."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.generator.attaching import ExampleImage, buildkit
from tests.generator.conftest import Index
from tests.upstream import Build, Content, ExampleUpstream, Package, blob, manifest
from tests.upstream.attestation import DSSE, attached, attestation, attestation_tag
from tests.upstream.oci import CONFIG
from tests.upstream.sbom import SPDX, spdx

IMAGES = '[images.redis]\nsince = "always"\ntracks = ["latest"]\n'
SPDX_JSON = "application/spdx+json"
NOW = datetime.now(UTC)
EMPTY = {"spdxVersion": "SPDX-2.3", "packages": []}
DUE = (1.5, 4.5, 8.5, 16.5, 33.5, 65.5)
NOT_DUE = (3.5, 6, 10, 30, 40, 100)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with ExampleUpstream(catalogue=()) as upstream:
        yield Index(upstream, tmp_path / "index", IMAGES)


def aged(days: float) -> Build:
    """A build of another version for each age."""
    version = f"{int(days * 10)}.0-r0"
    return Build("redis", version, NOW - timedelta(days=days), (Package("redis", version),))


def publish(index: Index, *ages: float) -> dict[float, Build]:
    """Builds that nothing is attached to, oldest first; the last is what `latest` points at."""
    builds = {days: aged(days) for days in sorted(ages, reverse=True)}
    for build in builds.values():
        index.upstream.push(build, "latest")
        for tag in build.attestations:
            del index.upstream.store("redis").tags[tag]
    return builds


def attach(index: Index, build: Build) -> None:
    for tag, attestations in build.attestations.items():
        index.upstream.store("redis").push(attestations, tag)


def cost(index: Index, *names: str) -> int:
    """How many requests a refresh sends, and that it fails nowhere."""
    index.upstream.requests.clear()
    assert index.refresh(*names)["redis"].errors == []
    return len(index.upstream.requests)


def state(index: Index) -> tuple[dict[str, bytes], bytes]:
    return index.content(), (index.folder / "refreshed.json").read_bytes()


def test_old_builds_cost_nothing_but_on_their_days(index: Index) -> None:
    """Before: 47 requests in each refresh, eight or nine a build."""
    publish(index, *NOT_DUE)
    attach(index, aged(min(NOT_DUE)))
    first = cost(index)
    before = state(index)
    assert [cost(index) for _ in range(3)] == [2, 2, 2]  # A token, and the HEAD of the track.
    assert first > 50
    assert state(index) == before


@pytest.mark.parametrize("days", DUE)
def test_one_is_asked_for_its_sbom_again_on_some_days(index: Index, days: float) -> None:
    builds = publish(index, 0.5, days)
    index.refresh()
    attach(index, builds[days])
    index.refresh()
    assert builds[days].version in index.versions("redis")


@pytest.mark.parametrize("days", NOT_DUE)
def test_what_a_track_points_at_is_asked_each_time(index: Index, days: float) -> None:
    (build,) = publish(index, days).values()
    index.refresh()
    attach(index, build)
    index.refresh()
    assert index.versions("redis") == [build.version]


@pytest.mark.parametrize("why", ["the image is named", "its settings are others", "the program is another"])
def test_all_are_asked_when_there_is_a_reason(index: Index, why: str) -> None:
    builds = publish(index, 0.5, *NOT_DUE)
    index.refresh()
    for days in NOT_DUE:
        attach(index, builds[days])
    names = ["redis"] if why == "the image is named" else []
    if why == "its settings are others":
        index.images += 'package = "redis"\n'
    if why == "the program is another":
        stamps = index.folder / "refreshed.json"
        stamps.write_text(stamps.read_text().replace('"redis": "', '"redis": "x'))
    index.refresh(*names)
    assert Counter(index.versions("redis")) == Counter([None, *(builds[days].version for days in NOT_DUE)])


def test_what_an_old_build_was_refused_for_is_remembered_while_it_is_passed_over(index: Index) -> None:
    builds = publish(index, 0.5, 6)
    broken = {days: blob(b"{" * int(days + 9), DSSE, {"predicateType": SPDX}) for days in builds}
    for days, build in builds.items():
        tag = attestation_tag(build.platforms[0][0].digest)
        index.upstream.store("redis").push(attached([broken[days]]), tag)
    index.refresh()
    before = state(index)
    for names in ((), ("redis",), ()):
        index.upstream.requests.clear()
        index.refresh(*names)
        assert not any(index.upstream.requests.count(f"/blobs/{document.digest}") for document in broken.values())
        assert state(index) == before


def referrer(build: Build, layer: Content, type_: str) -> Content:
    child = build.platforms[0][0]
    return manifest(blob({}, CONFIG), [layer], artifact_type=type_, subject=child)


def assert_looked_at_once(index: Index, times: int, most: int) -> None:
    """The first refresh opens sixteen of them; so many later ones cost the same `most` requests, and change no byte."""
    first = cost(index)
    before = state(index)
    later = [cost(index) for _ in range(times)]
    assert first >= later[0] + 16
    assert later == [later[0]] * times
    assert later[0] <= most
    assert state(index) == before


def test_three_thousand_referrers_that_hold_nothing_are_looked_at_once(index: Index) -> None:
    """Before: 9,000 requests in each refresh, then (sixteen at most are opened) 25; now 9, to see what is attached."""
    (build,) = publish(index, 0.5).values()
    index.upstream.options.referrers = True
    for number in range(3_000):
        scan = blob({"number": number}, "application/vnd.example.scan")
        index.upstream.store("redis").push(referrer(build, scan, "application/vnd.example.scan"))
    assert_looked_at_once(index, times=9, most=12)
    good = spdx(build.packages, name="redis", architecture="amd64", image="", layer="")
    index.upstream.store("redis").push(referrer(build, blob(good, SPDX_JSON), SPDX_JSON))
    index.refresh()
    assert index.versions("redis") == [build.version]


def test_so_are_attestations_within_an_index(index: Index) -> None:
    """Before: 211 requests in each refresh, and now 11; whoever makes an index can have it list thousands."""
    image = ExampleImage()
    child = image.child()
    within = [buildkit(child.digest, blob({"number": number}, "application/vnd.example.scan")) for number in range(200)]
    store = index.upstream.store("redis")
    store.point("latest", store.push(image.top(*within)), NOW)
    assert_looked_at_once(index, times=3, most=16)


CHILD = aged(0.5).platforms[0][0]
IN_VAIN = {
    "no JSON": blob(b"{" * 50, SPDX_JSON),
    "no package": blob(EMPTY, SPDX_JSON),
    "about another image": attestation(SPDX, EMPTY, f"sha256:{'b' * 64}"),
    "of no format": blob({"a": 1}, "application/json"),
}


@pytest.mark.parametrize("what", IN_VAIN)
def test_a_referrer_whose_documents_all_gave_nothing_is_not_opened_again(index: Index, what: str) -> None:
    (build,) = publish(index, 0.5).values()
    index.upstream.options.referrers = True
    attached_ = referrer(build, IN_VAIN[what], IN_VAIN[what].media_type)
    index.upstream.store("redis").push(attached_)
    index.refresh()
    (recorded,) = index.builds("redis")
    before = state(index)
    index.upstream.requests.clear()
    index.refresh()
    assert index.upstream.requests.count(f"/(blobs|manifests)/({IN_VAIN[what].digest}|{attached_.digest})") == 0
    assert recorded.unknown is not None
    assert recorded.unknown.reason != "no SBOM is attached"
    assert state(index) == before


def test_a_document_that_is_a_referrer_s_and_a_tag_s_is_read_in_vain_once(index: Index) -> None:
    (build,) = publish(index, 0.5).values()
    index.upstream.options.referrers = True
    document = attestation(SPDX, EMPTY, CHILD.digest)
    index.upstream.store("redis").push(referrer(build, document, DSSE))
    index.upstream.store("redis").push(attached([document]), attestation_tag(CHILD.digest))
    index.refresh()
    before = state(index)
    index.upstream.requests.clear()
    index.refresh()
    assert index.upstream.requests.count(f"/blobs/{document.digest}") == 0
    assert state(index) == before


def test_a_referrer_that_was_away_is_opened_when_it_is_there(index: Index) -> None:
    (build,) = publish(index, 0.5).values()
    index.upstream.options.referrers = True
    good = spdx(build.packages, name="redis", architecture="amd64", image="", layer="")
    attached_ = referrer(build, blob(good, SPDX_JSON), SPDX_JSON)
    store = index.upstream.store("redis")
    document = store.blobs.pop(store.push(attached_) and attached_.children[-1].digest)
    index.refresh()
    assert index.versions("redis") == [None]
    store.push(blob(document, SPDX_JSON))
    index.refresh()
    assert index.versions("redis") == [build.version]
