"""A document that gave nothing is not downloaded anew at each refresh; what comes in its place is read at once."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.generator.conftest import Index
from tests.upstream import Build, Content, ExampleUpstream, Package, blob
from tests.upstream.attestation import DSSE, attached, attestation, attestation_tag
from tests.upstream.sbom import SPDX, spdx

AT = datetime(2026, 2, 18, tzinfo=UTC)
REDIS = Build("redis", "7.4.2-r0", AT, (Package("redis", "7.4.2-r0"),))
IMAGES = '[images.redis]\nsince = "always"\ntracks = ["latest"]\n'
AMD64 = REDIS.platforms[0][0]
EMPTY = {"spdxVersion": "SPDX-2.3", "packages": []}

BROKEN: dict[str, Content] = {
    "no JSON": blob(b"{" * 50, DSSE, {"predicateType": SPDX}),
    "no package": attestation(SPDX, EMPTY, AMD64.digest),
    "about another image": attestation(SPDX, EMPTY, f"sha256:{'b' * 64}"),
}


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with ExampleUpstream(catalogue=()) as upstream:
        upstream.push(REDIS, "latest")
        yield Index(upstream, tmp_path / "index", IMAGES)


def attach(index: Index, *layers: Content) -> None:
    index.upstream.store("redis").push(attached(layers), attestation_tag(AMD64.digest))


def downloads(index: Index, document: Content) -> int:
    return index.upstream.requests.count(f"/blobs/{document.digest}")


@pytest.mark.parametrize("what", BROKEN)
def test_it_is_read_once_and_why_is_said_each_time(index: Index, what: str) -> None:
    document = BROKEN[what]
    attach(index, document)
    first = index.refresh()["redis"]
    assert downloads(index, document) == 1
    (build,) = index.builds("redis")
    assert build.unknown is not None
    before = index.content(), (index.folder / "refreshed.json").read_bytes()
    for _ in range(2):
        again = index.refresh()["redis"]
        assert [build.unknown.reason in note for note in again.notes] == [True]
    assert downloads(index, document) == 1
    assert (index.content(), (index.folder / "refreshed.json").read_bytes()) == before
    assert (first.errors, again.errors) == ([], [])


def test_one_that_is_attached_later_is_read_at_once(index: Index) -> None:
    attach(index, BROKEN["no package"])
    index.refresh()
    good = spdx(REDIS.packages, name="redis", architecture="amd64", image=AMD64.digest, layer=AMD64.digest)
    attach(index, BROKEN["no package"], attestation(SPDX, good, AMD64.digest))
    index.refresh()
    assert index.versions("redis") == ["7.4.2-r0"]
    assert '"refused"' not in (index.folder / "refreshed.json").read_text()


def test_other_settings_or_another_program_read_it_again(index: Index) -> None:
    document = BROKEN["no package"]
    attach(index, document)
    index.refresh()
    index.images = f'{IMAGES}package = "generic/redis"\n'
    index.refresh()
    assert downloads(index, document) == 2
    stamps = index.folder / "refreshed.json"
    stamps.write_text(stamps.read_text().replace('"program": "', '"program": "x'))
    index.refresh()
    assert downloads(index, document) == 3
