"""packages.json: the packages of every build, exactly, as changes from build to build."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from generator.record.index import Build, PackageLog, encode
from generator.record.packages import compact, expand
from tests.generator.conftest import Index
from tests.generator.test_tags import build
from tests.upstream import ExampleUpstream
from tests.upstream.images import NGINX

START = datetime(2026, 1, 1, tzinfo=UTC)
packages = st.frozensets(st.sampled_from([f"apk/wolfi/p{number}@{number}-r0" for number in range(8)]))


@st.composite
def contents(draw: st.DrawFn) -> tuple[list[Build], dict[tuple[str, str], frozenset[str]]]:
    """Builds of two tracks, some without an SBOM."""
    builds = []
    known = {}
    for number in range(draw(st.integers(min_value=0, max_value=10))):
        track = draw(st.sampled_from(["latest", "latest-dev"]))
        each = build("1-r0", None, track=track, seen=START + timedelta(days=number))
        builds.append(each)
        if draw(st.booleans()):
            known[each.track, each.digest] = draw(packages)
    return builds, known


@given(contents())
def test_what_is_compacted_expands_to_the_same(
    given_: tuple[list[Build], dict[tuple[str, str], frozenset[str]]],
) -> None:
    builds, known = given_
    log = compact("demo", builds, known)
    assert expand(log) == known
    assert compact("demo", builds, expand(log)) == log
    for change in log.builds:
        assert not set(change.added) & set(change.removed)
        assert list(change.added) == sorted(change.added)
        assert list(change.removed) == sorted(change.removed)


def test_nothing_expands_to_nothing() -> None:
    assert expand(None) == {}
    assert expand(PackageLog(name="demo", builds=())) == {}


def test_the_example_s_packages_are_exact(nginx: Index) -> None:
    nginx.refresh()
    packages = nginx.packages("nginx")
    for move in NGINX:
        installed = {f"apk/wolfi/{each.name}@{each.version}" for each in move.build.packages}
        recorded = packages[move.tag, move.build.digest]
        assert {package.replace("%2b", "+") for package in recorded} == installed
    assert len(packages) == 10


def test_a_build_is_recorded_as_what_changed(nginx: Index) -> None:
    nginx.refresh()
    log = nginx.store.packages("nginx")
    assert log
    rebuilt = next(change for change in log.builds if change.digest == NGINX[3].build.digest)
    assert rebuilt.added == (
        "apk/wolfi/glibc@2.41-r0",
        "apk/wolfi/ld-linux@2.41-r0",
        "apk/wolfi/libcrypto3@3.4.1-r1",
        "apk/wolfi/libssl3@3.4.1-r1",
    )
    assert rebuilt.removed == (
        "apk/wolfi/glibc@2.40-r8",
        "apk/wolfi/ld-linux@2.40-r8",
        "apk/wolfi/libcrypto3@3.4.1-r0",
        "apk/wolfi/libssl3@3.4.1-r0",
    )


def test_an_older_build_that_is_learned_later_leaves_the_others_exact(
    upstream: ExampleUpstream, tmp_path: Path
) -> None:
    late = Index(upstream, tmp_path / "late", "[images.nginx]\nsince = 2025-05-01\n")
    late.refresh()
    late.images = '[images.nginx]\nsince = "always"\n'
    late.refresh()
    whole = late.elsewhere(tmp_path / "whole")
    whole.refresh()
    assert late.packages("nginx") == whole.packages("nginx")
    assert late.content()["nginx/packages.json"] == whole.content()["nginx/packages.json"]
    assert encode(late.image("nginx")) == encode(whole.image("nginx"))
