"""What may become of a recorded build, and how one differs from the next."""

import re
from collections.abc import Iterable
from datetime import timedelta
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from generator.errors import BrokenIndexError
from generator.record.correction import (
    DERIVED,
    changed_versions,
    corrected,
    count_by_version,
    settings_of,
    unlawful,
    verified,
)
from generator.record.difference import difference
from generator.record.index import Sbom, Settings, Unknown
from tests.generator.record.made import NOW, image, index_of
from tests.query.made import build
from tests.query.made import digest as digest_of

SIGNED = Sbom(kind="referrer", format="spdx", digest=digest_of("s"), verified=True, identity="me", issuer="idp")
FIRST = build("1.0-r0", "2026-01-01")
OTHER: dict[str, object] = {
    "digest": digest_of("other"),
    "media_type": "application/vnd.oci.image.manifest.v1+json",
    "size": 7,
    "track": "edge",
    "version": "9-r9",
    "purl": "pkg:apk/wolfi/other@9-r9",
    "created": NOW,
    "seen": NOW,
    "platforms": {},
    "sbom": SIGNED,
    "label": "other",
    "unknown": Unknown(reason="none", candidates=()),
    "gone": NOW,
}


@given(st.sets(st.sampled_from(sorted(OTHER))), st.booleans(), st.booleans(), st.booleans())
def test_of_a_recorded_build_nothing_may_become_another_but_what_a_rule_allows(
    changes: set[str], is_known: bool, was_corrected: bool, must_be_signed: bool
) -> None:
    before = FIRST if is_known else replace(FIRST, version=None, purl=None)
    now = replace(before, **{field: OTHER[field] for field in changes})
    lawful = (
        {"gone"} | (set(DERIVED) if not is_known or was_corrected else set()) | ({"sbom"} if must_be_signed else set())
    )
    found = unlawful(before, now, was_corrected=was_corrected, must_be_signed=must_be_signed)
    assert found == [field.replace("media_type", "mediaType") for field in OTHER if field in changes - lawful]


def test_since_when_a_build_is_gone_does_not_change_but_it_may_come_back() -> None:
    gone = replace(FIRST, gone=NOW)
    for now, fields in ((FIRST, []), (replace(FIRST, gone=NOW + timedelta(days=1)), ["gone"])):
        assert unlawful(gone, now, was_corrected=False, must_be_signed=False) == fields


@pytest.mark.parametrize(
    ("was", "is_", "lawful"),
    [
        (FIRST.sbom, SIGNED, True),
        (SIGNED, FIRST.sbom, False),
        (SIGNED, replace(SIGNED, identity="other"), False),
        (None, SIGNED, False),
        (SIGNED, None, False),
        (FIRST.sbom, replace(FIRST.sbom, digest=digest_of("x")) if FIRST.sbom else None, False),
    ],
)
def test_an_sbom_may_become_a_signed_one_and_never_the_reverse(
    was: Sbom | None, is_: Sbom | None, lawful: bool
) -> None:
    before, now = replace(FIRST, sbom=was), replace(FIRST, sbom=is_)
    assert (unlawful(before, now, was_corrected=False, must_be_signed=True) == []) == lawful
    assert unlawful(before, now, was_corrected=False, must_be_signed=False) == ["sbom"]
    assert verified(before, now) == (now if lawful else before)
    assert verified(before, replace(now, version="9-r9")) == before, "it says something else"
    assert verified(before, replace(now, purl="pkg:apk/wolfi/x@1-r0")) == before


def test_what_is_learned_anew_puts_right_what_was_derived_and_nothing_else() -> None:
    learned = replace(FIRST, **OTHER)
    assert corrected(FIRST, learned) == replace(FIRST, **{field: OTHER[field] for field in DERIVED})
    unknown = replace(learned, version=None, purl=None)
    assert corrected(FIRST, unknown) == replace(FIRST, **{field: getattr(unknown, field) for field in DERIVED})
    label = replace(learned, sbom=None)
    assert corrected(FIRST, label).version == "9-r9"
    assert corrected(FIRST, replace(unknown, sbom=None)) == FIRST, "no SBOM is found for it any more"


def test_settings_are_recorded_where_images_toml_says_something_of_versions() -> None:
    assert settings_of(image(frozen=True, constraint=re.compile("1"))) is None
    assert settings_of(image(package="nginx")) == Settings(package="nginx")
    assert settings_of(image(version_label="v")) == Settings(version_label="v")


def test_corrections_are_told_by_version_the_newest_first() -> None:
    builds = [build(version, f"2026-01-0{day}") for day, version in enumerate(("1", "1", None, "3", "4"), 1)]
    versions = ("2", "2", "3", None, "4")
    now = [
        replace(each, version=version, purl=each.purl or "x") for each, version in zip(builds, versions, strict=True)
    ]
    changed = changed_versions(index_of(*builds), [*now, build("7", "2026-01-09")])
    assert changed == list(zip(builds[:4], now[:4], strict=True))
    assert count_by_version(changed) == [(1, "3", "unknown version"), (1, "unknown version", "3"), (2, "1", "2")]
    assert changed_versions(index_of(*builds), builds[1:]) == []
    renamed = replace(builds[0], purl="pkg:apk/wolfi/other@1")
    assert changed_versions(index_of(*builds), [renamed]) == [(builds[0], renamed)]


packages = st.frozensets(
    st.builds(
        "{}/{}@{}".format,
        st.sampled_from(["apk/wolfi", "deb/debian"]),
        st.sampled_from(["ssl", "libc%2B%2B", "zlib"]),
        st.sampled_from(["1-r0", "2-r0", "3%3A1"]),
    )
)


@given(packages, packages)
def test_a_difference_leads_from_one_build_to_the_other(before: frozenset[str], after: frozenset[str]) -> None:
    """Each package once, by name; and as the reverse of the way back."""
    found, back = difference(before, after), difference(after, before)
    assert (found.added, found.removed) == (back.removed, back.added)
    assert [(each.before, each.after) for each in found.changed] == [(each.after, each.before) for each in back.changed]
    assert len(found) == len(found.added) + len(found.removed) + len(found.changed) == len(found.lines())
    assert (len(found) == 0) == (before == after)

    def named(packages: Iterable[str]) -> set[tuple[str, str]]:
        return {(unquote(text.partition("@")[0].rpartition("/")[2]), text.rpartition("/")[0]) for text in packages}

    gone, new = named(before - after), named(after - before)
    assert {(each.name, each.origin) for each in found.added} == new - gone
    assert {(each.name, each.origin) for each in found.removed} == gone - new
    assert {(each.name, each.origin) for each in found.changed} == gone & new
    for part in (found.added, found.removed, found.changed):
        assert list(part) == sorted(part)


def test_a_difference_is_told_in_a_few_words() -> None:
    before = frozenset({"apk/wolfi/a@1-r0", "apk/wolfi/b@1-r0", "apk/wolfi/b@2-r0", "apk/wolfi/c@1-r0"})
    after = frozenset({"apk/wolfi/a@2-r0", "apk/wolfi/b@3-r0", "apk/wolfi/d%2B@1%3A1"})
    assert difference(before, after).lines() == ["a 1-r0 -> 2-r0", "b 1-r0, 2-r0 -> 3-r0", "+d+ 1:1", "-c 1-r0"]
    with pytest.raises(BrokenIndexError, match=r"nothing is no package URL; run `reverse-registry check`"):
        difference(frozenset(), frozenset({"nothing"}))
