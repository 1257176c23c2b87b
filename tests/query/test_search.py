import re
from unittest.mock import ANY

import pytest

from generator.query.range import Range
from tests.query.made import Made, ask, build, edit, refused, run


def packages(version: str) -> list[str]:
    return [f"apk/wolfi/xz@{version}", "apk/wolfi/libstdc%2b%2b@14-r0", "apk/wolfi/xz-doc@1-r0"]


@pytest.fixture
def made_with_xz(made: Made) -> Made:
    history = (("1.0-r0", "5.4.1-r0"), ("1.1-r0", "5.6.0-r0"), ("1.2-r0", "5.6.0-r1"), ("1.3-r0", "5.6.2-r0"))
    builds = [(build(ours, f"2026-01-0{n}"), packages(xz)) for n, (ours, xz) in enumerate(history, 1)]
    made.image("demo", builds)
    made.image("none", [(build("1.0-r0", "2026-01-01", name="none"), [])])
    made.image("still", [(build("7.0-r0", "2026-01-01", name="still"), packages("5.6.0-r0"))])
    return made


@pytest.mark.parametrize(
    ("range_", "expected"),
    [
        (None, ["5.6.2-r0", "5.6.0-r1", "5.6.0-r0", "5.6.0-r0", "5.4.1-r0"]),
        ("5.6.0", ["5.6.0-r1", "5.6.0-r0", "5.6.0-r0"]),
        ("=5.6.0-r0", ["5.6.0-r0", "5.6.0-r0"]),
        ("5.6.0-r1", ["5.6.0-r1"]),
        (">=5.6,<5.6.2", ["5.6.0-r1", "5.6.0-r0", "5.6.0-r0"]),
        (" > 5.6.0-r0 , != 5.6.2-r0 ", ["5.6.0-r1"]),
        ("<=5.4.1-r0", ["5.4.1-r0"]),
    ],
)
def test_finds_every_build_with_a_package(made_with_xz: Made, range_: str | None, expected: list[str]) -> None:
    words = ["--version", range_] if range_ else []
    found = ask("search", "xz", *words, index=made_with_xz.folder)
    assert [each["package"]["version"] for each in found["matches"]] == expected


def test_names_the_tags_that_point_at_a_build_now(made_with_xz: Made) -> None:
    found = ask("search", "xz", "--version", "5.6.0", index=made_with_xz.folder)["matches"]
    assert [(each["image"], each["tags"]) for each in found] == [
        ("demo", ["1.2", "1.2-r0", "1.2-r0-202601030000"]),
        ("demo", ["1.1", "1.1-r0", "1.1-r0-202601020000"]),
        ("still", ["7", "7.0", "7.0-r0", "latest", "7.0-r0-202601010000"]),
    ]


def rows(*words: str, index: Made) -> list[list[str]]:
    shown = run("search", *words, index=index.folder).output.splitlines()
    return [re.split(r" {2,}", line) for line in shown]


def test_shows_a_row_for_each_image_and_version_that_with_the_newest_build_first(made_with_xz: Made) -> None:
    more = [(build("1.4-r0", f"2026-01-0{day}"), packages("5.6.2-r0")) for day in (5, 6)]
    made_with_xz.image("again", [(build("1.0-r0", "2025-01-01", name="again"), packages("5.4.1-r0")), *more])
    assert rows("xz", index=made_with_xz) == [
        ["image", "xz", "in version", "builds", "seen", "tags"],
        ["again", "5.6.2-r0", "1.4-r0", "2", "2026-01-05 .. 2026-01-06", ANY],
        ["demo", "5.6.2-r0", "1.3-r0", "1", "2026-01-04", "1 1.3 1.3-r0 latest 1.3-r0-202601040000"],
        ["demo", "5.6.0-r1", "1.2-r0", "1", "2026-01-03", "1.2 1.2-r0 1.2-r0-202601030000"],
        ["demo", "5.6.0-r0", "1.1-r0", "1", "2026-01-02", "1.1 1.1-r0 1.1-r0-202601020000"],
        ["still", "5.6.0-r0", "7.0-r0", "1", "2026-01-01", "7 7.0 7.0-r0 latest 7.0-r0-202601010000"],
        ["demo", "5.4.1-r0", "1.0-r0", "1", "2026-01-01", "1.0 1.0-r0 1.0-r0-202601010000"],
        ["again", "5.4.1-r0", "1.0-r0", "1", "2025-01-01", "1.0 1.0-r0 1.0-r0-202501010000"],
        ["8 builds in 3 images"],
    ]


def test_all_has_a_row_for_each_build_and_tagged_for_those_that_a_tag_points_at(made_with_xz: Made) -> None:
    edit(made_with_xz.folder / "demo/index.json", lambda d: d.update(tags={"1.3": d["tags"]["1.3"]}))
    assert [row[:3] for row in rows("xz", "--all", index=made_with_xz)[1:-1]] == [
        ["demo", "5.6.2-r0", "1.3-r0"],
        ["demo", "5.6.0-r1", "1.2-r0"],
        ["demo", "5.6.0-r0", "1.1-r0"],
        ["still", "5.6.0-r0", "7.0-r0"],
        ["demo", "5.4.1-r0", "1.0-r0"],
    ]
    assert [row[:3] for row in rows("xz", "--tagged", index=made_with_xz)[1:-1]] == [
        ["demo", "5.6.2-r0", "1.3-r0"],
        ["still", "5.6.0-r0", "7.0-r0"],
    ]
    assert rows("xz", "--tagged", "--version", "5.4.1", index=made_with_xz) == [
        ["no tag points at a build with xz now; 1 build of old: see --all"]
    ]
    assert "choose one" in refused("search", "xz", "--tagged", "--all", index=made_with_xz.folder)


def test_finds_names_that_package_urls_escape(made_with_xz: Made) -> None:
    assert len(ask("search", "libstdc++", index=made_with_xz.folder)["matches"]) == 5


def test_nothing_found_is_a_sentence_and_no_failure(made_with_xz: Made) -> None:
    done = run("search", "xz", "--version", "5.5", index=made_with_xz.folder)
    assert done.exit_code == 0
    assert done.output == "no build has xz 5.5; the index has 5.6.2-r0, 5.6.0-r1, 5.6.0-r0, 5.4.1-r0\n"
    done = run("search", "libstd", index=made_with_xz.folder)
    assert (done.exit_code, done.output) == (0, "no build has libstd; the closest: libstdc++\n")
    assert ask("search", "nope", index=made_with_xz.folder)["matches"] == []


def test_of_many_versions_only_the_newest_are_named_where_none_fits(made: Made) -> None:
    builds = [(build(f"1.{n}-r0", "2026-01-01"), [f"apk/wolfi/xz@5.{n}-r0"]) for n in range(20)]
    made.image("demo", builds)
    assert run("search", "xz", "--version", "9", index=made.folder).output == (
        "no build has xz 9; the index has 5.19-r0, 5.18-r0, 5.17-r0, 5.16-r0, 5.15-r0 and 15 more\n"
    )


def test_builds_that_could_not_be_looked_into_are_counted(made_with_xz: Made) -> None:
    made_with_xz.image("dark", [(build(None, "2026-01-01", name="dark"), None)])
    shown = run("search", "nothing-like-it", index=made_with_xz.folder).output
    assert shown.endswith("\n1 build came without an SBOM and may have anything\n")
    assert ask("search", "xz", index=made_with_xz.folder)["unknown"] == 1


@pytest.mark.parametrize("text", ["", ",", ">", "5.6 5.7", ">>5", "5.6,", "=>5"])
def test_what_is_no_range_is_refused(made_with_xz: Made, text: str) -> None:
    expected = f"{text!r} is not a range of versions; write 5.6.0 or >=5.6,<5.7"
    assert refused("search", "xz", "--version", text, index=made_with_xz.folder) == expected


def test_a_bound_that_is_no_version_is_refused(made_with_xz: Made) -> None:
    assert refused("search", "xz", "--version", ">new", index=made_with_xz.folder) == (
        "'new' is not a version of a package of type apk"
    )


@pytest.mark.parametrize(
    ("range_", "type_", "inside", "outside"),
    [
        ("<5.6.0", "apk", "5.6.0_rc1-r0", "5.6.0-r0"),
        (">5.6.0", "apk", "5.6.0-r0", "5.6.0_rc1-r0"),
        ("1.1.1", "apk", "1.1.1-r4", "1.1.1w-r0"),
        ("2.3", "deb", "1:2.3-4", "2.30-1"),
        ("1:2.3", "deb", "1:2.3-4", "2.3-4"),
        (">=2.3", "deb", "1:1.0-1", "2.3~rc1-1"),
        ("<1.0-2.el9", "rpm", "1.0-1.el9", "1:1.0-1.el9"),
        ("5.6", "apk", "5.6-r0", "5.6.0-r0"),
    ],
)
def test_ranges_go_by_the_rules_of_the_distribution(range_: str, type_: str, inside: str, outside: str) -> None:
    wanted = Range.parse(range_)
    assert (wanted.holds(type_, inside), wanted.holds(type_, outside)) == (True, False)


@pytest.mark.parametrize(("sign", "found"), [("", True), ("=", True), ("!=", False), (">=", False), ("<", False)])
def test_what_is_no_version_is_only_ever_itself(sign: str, found: bool) -> None:
    assert Range.parse(f"{sign}main").holds("deb", "main") == found
    assert not Range.parse(f"{sign}other").holds("deb", "main")


def test_packages_of_any_namespace_are_compared_by_their_type(made: Made) -> None:
    """A namespace may have several parts, as purls of Go have."""
    versions = ("9.0-1", "1:1.0-1", "nightly")
    made.image(
        "demo",
        [(build(f"{n}.0-r0", f"2026-01-0{n}"), [f"deb/debian/sid/xz@{xz}"]) for n, xz in enumerate(versions, 1)],
    )
    found = ask("search", "xz", "--version", ">9.0-1", index=made.folder)["matches"]
    assert [each["package"]["version"] for each in found] == ["1:1.0-1"]
    assert run("search", "xz", "--version", "7", index=made.folder).output == (
        "no build has xz 7; the index has 1:1.0-1, 9.0-1, nightly\n"
    )


def test_a_version_may_hold_an_at(made: Made) -> None:
    made.image("demo", [(build("1.0-r0", "2026-01-01"), ["deb/debian/xz@1.0@2"])])
    assert len(ask("search", "xz", index=made.folder)["matches"]) == 1


@pytest.mark.parametrize("package", ["", " "])
def test_no_package_is_no_answer(made: Made, package: str) -> None:
    """As a shell asks whose variable is not set; that nobody has it would be taken for good news."""
    assert refused("search", package, index=made.folder) == "which package? Write its full name, such as libssl3"
