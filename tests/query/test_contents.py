from pathlib import Path

import pytest

from tests.query.made import Made, ask, build, refused, run

BEFORE = build("1.0-r0", "2026-01-01")
AFTER = build("1.0-r1", "2026-01-02")


@pytest.fixture
def demo(made: Made) -> Made:
    libraries = ["apk/wolfi/libstdc%2b%2b@14.2.0-r8", "apk/wolfi/ssl@3.0-r0", "apk/wolfi/old@1-r0"]
    made.image(
        "demo",
        [
            (BEFORE, [*libraries, "deb/debian/xz@5.6.0-1", "apk/wolfi/kernel@6.1-r0", "apk/wolfi/kernel@6.2-r0"]),
            (
                AFTER,
                [
                    *libraries[:1],
                    "apk/wolfi/ssl@3.1-r0",
                    "apk/chainguard/new@2-r0",
                    "deb/debian/xz@5.6.0-1",
                    "apk/wolfi/kernel@6.2-r0",
                    "apk/wolfi/kernel@6.3-r0",
                ],
            ),
        ],
    )
    return made


def test_lists_the_packages_of_a_build(demo: Made) -> None:
    shown = run("packages", f"demo@{BEFORE.digest}", index=demo.folder).output.splitlines()
    assert [line.split() for line in shown] == [
        ["package", "version", "from"],
        ["demo", "1.0-r0", "apk/wolfi"],
        ["kernel", "6.1-r0", "apk/wolfi"],
        ["kernel", "6.2-r0", "apk/wolfi"],
        ["libstdc++", "14.2.0-r8", "apk/wolfi"],
        ["old", "1-r0", "apk/wolfi"],
        ["ssl", "3.0-r0", "apk/wolfi"],
        ["xz", "5.6.0-1", "deb/debian"],
    ]


def test_lists_packages_for_programs_with_the_build(demo: Made) -> None:
    found = ask("packages", "demo:1.0-r0", index=demo.folder)
    assert found["build"]["digest"] == BEFORE.digest
    xz = {"name": "xz", "origin": "deb/debian", "version": "5.6.0-1", "purl": "pkg:deb/debian/xz@5.6.0-1"}
    assert xz in found["packages"]


def test_compares_two_builds(demo: Made) -> None:
    found = ask("diff", "demo:1.0-r0", "demo:latest", index=demo.folder)
    assert (found["before"]["build"]["version"], found["after"]["build"]["version"]) == ("1.0-r0", "1.0-r1")
    changed = [(each["name"], each["before"], each["after"]) for each in found["difference"]["changed"]]
    assert changed == [("demo", "1.0-r0", "1.0-r1"), ("kernel", "6.1-r0", "6.3-r0"), ("ssl", "3.0-r0", "3.1-r0")]
    assert [each["name"] for each in found["difference"]["added"]] == ["new"]
    assert [each["name"] for each in found["difference"]["removed"]] == ["old"]


def test_shows_a_comparison_with_the_builds_as_headings(demo: Made) -> None:
    shown = run("diff", "demo:1.0-r0", "demo:latest", index=demo.folder).output.splitlines()
    assert f"demo 1.0-r0 {BEFORE.digest[7:19]}" in shown[0]
    assert shown[-1] == "3 changed, 1 added, 1 removed"


def test_a_build_is_the_same_as_itself(demo: Made) -> None:
    assert run("diff", "demo:1", "demo:1", index=demo.folder).output.endswith("\n0 changed, 0 added, 0 removed\n")


def test_builds_of_two_images_can_be_compared(committed: Path) -> None:
    found = ask("diff", "example/nginx:latest", "example/nginx:latest-dev", index=committed)["difference"]
    assert {each["name"] for each in found["added"]} == {"apk-tools", "bash", "busybox"}


def test_a_build_without_an_sbom_has_no_list_of_packages(made: Made) -> None:
    unknown = build(None, "2026-01-01")
    made.image("demo", [(unknown, None)])
    assert run("packages", "demo:latest", index=made.folder).exit_code == 1
    assert refused("packages", "demo:latest", index=made.folder) == (
        f"demo@{unknown.digest}: its packages are not known, as it came without an SBOM"
    )


def test_tells_what_changed_from_build_to_build_newest_first(demo: Made) -> None:
    newest, oldest = ask("log", "demo", index=demo.folder)["builds"]
    assert (newest["build"]["digest"], oldest["build"]["digest"]) == (AFTER.digest, BEFORE.digest)
    assert [each["name"] for each in newest["changes"]["changed"]] == ["demo", "kernel", "ssl"]
    assert (oldest["changes"], oldest["packages"]) == (None, 7)
    first, second = run("log", "demo", index=demo.folder).output.splitlines()[1:]
    assert first.split()[:5] == ["2026-01-02", "latest", AFTER.digest[7:19], "1.0-r1", "5"]
    assert first.endswith("demo 1.0-r0 -> 1.0-r1, kernel 6.1-r0 -> 6.3-r0, ssl 3.0-r0 -> 3.1-r0, +new 2-r0, -old 1-r0")
    assert second.endswith("1.0-r0      first, with 7 packages")


def test_each_track_of_a_log_has_a_history_of_its_own(committed: Path) -> None:
    both = ask("log", "example/nginx", index=committed)["builds"]
    dev = ask("log", "example/nginx", "--track", "latest-dev", index=committed)["builds"]
    assert [each for each in both if each["build"]["track"] == "latest-dev"] == dev
    assert not [each for entry in dev[:-1] for each in entry["changes"]["added"]]


def test_a_log_passes_over_builds_whose_packages_are_unknown(made: Made) -> None:
    packages = ["apk/wolfi/ssl@3.0-r0"]
    made.image(
        "demo", [(BEFORE, packages), (build(None, "2026-01-02"), None), (build("1.1-r0", "2026-01-03"), packages)]
    )
    shown = run("log", "demo", index=made.folder).output.splitlines()[1:]
    assert shown[0].endswith("1  demo 1.0-r0 -> 1.1-r0")
    assert shown[1].endswith("unknown     packages unknown")


def test_a_log_names_a_few_changes_and_counts_the_rest(made: Made) -> None:
    made.image("demo", [(BEFORE, [f"apk/wolfi/p{n}@1-r0" for n in range(9)]), (AFTER, [])])
    shown = run("log", "demo", index=made.folder).output.splitlines()[1]
    assert shown.endswith("10  demo 1.0-r0 -> 1.0-r1, -p0 1-r0, -p1 1-r0, -p2 1-r0, -p3 1-r0, and 5 more")


def test_an_unknown_track_gets_the_closest(demo: Made) -> None:
    assert refused("log", "demo", "--track", "lates", index=demo.folder) == (
        "demo has no track lates; the closest: latest"
    )
