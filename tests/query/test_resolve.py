from datetime import timedelta

import pytest
from msgspec.structs import replace

from generator.query.reference import Reference
from generator.record.index import Build
from tests.query.made import Made, ask, build, edit, refused, run

OLD = build("1.27.3-r0", "2026-01-01")
FIRST = build("1.27.4-r2", "2026-01-05")
REBUILT = build("1.27.4-r2", "2026-01-09")
DEV = build("1.27.4-r2", "2026-01-09", track="latest-dev")
ROLLED_BACK = build("1.27.1-r0", "2026-01-10")
ALL = (OLD, FIRST, REBUILT, DEV, ROLLED_BACK)


@pytest.fixture
def demo(made: Made) -> Made:
    made.image("demo", [(each, []) for each in ALL])
    return made


@pytest.mark.parametrize(
    ("tag", "wanted", "rule", "why"),
    [
        ("latest", ROLLED_BACK, "track", "moved to this build on 2026-01-10"),
        ("latest-dev", DEV, "track", "moved to this build on 2026-01-09"),
        ("1.27.4-r2-202601050000", FIRST, "unique", "never moves"),
        ("1.27.4-r2", REBUILT, "exact", "the newest of 2 builds of exactly 1.27.4-r2 on latest;"),
        ("1.27.3-r0", OLD, "exact", "the only build so far of exactly 1.27.3-r0"),
        ("1.27.4-r2-dev", DEV, "exact", "1.27.4-r2 on latest-dev;"),
        ("1.27", REBUILT, "line", "the highest of 3 versions in line 1.27 on latest (1.27.1-r0, 1.27.3-r0, 1.27.4-r2)"),
        ("1-dev", DEV, "line", "the only version so far in line 1 on latest-dev"),
    ],
)
def test_tells_which_build_a_tag_is_and_why(demo: Made, tag: str, wanted: Build, rule: str, why: str) -> None:
    found = ask("resolve", f"demo:{tag}", index=demo.folder)
    assert (found["build"]["digest"], found["rule"]) == (wanted.digest, rule)
    assert why in found["why"]
    assert tag in found["tags"]


def test_takes_a_digest_whole_or_cut_short_with_or_without_its_algorithm(demo: Made) -> None:
    hexadecimal = OLD.digest.removeprefix("sha256:")
    for digest in (OLD.digest, OLD.digest[:19], hexadecimal[:12]):
        assert ask("resolve", f"demo@{digest}", index=demo.folder)["build"]["digest"] == OLD.digest
    assert ask("resolve", f"demo:1.27@{OLD.digest}", index=demo.folder)["build"]["digest"] == OLD.digest


def test_a_digest_of_several_builds_or_of_none_is_refused(demo: Made) -> None:
    assert (
        refused("resolve", "demo@sha256:", index=demo.folder)
        == "demo has 10 builds and platforms that begin with sha256:"
    )
    assert refused("resolve", "demo@sha256:nope", index=demo.folder) == "demo has no build sha256:nope"


def test_counts_only_the_versions_that_the_constraint_lets_in(made: Made) -> None:
    made.image("demo", [(each, []) for each in ALL], keys=r"constraint = '^1\.27\.[34]'")
    assert "the highest of 2 versions in line 1 " in ask("resolve", "demo:1", index=made.folder)["why"]


def test_shows_the_last_versions_of_a_long_line(made: Made) -> None:
    made.image("demo", [(build(f"1.{minor}-r0", f"2026-01-{minor:02}"), []) for minor in range(1, 21)])
    why = ask("resolve", "demo:1", index=made.folder)["why"]
    assert "20 versions in line 1 on latest (the last are 1.16-r0, 1.17-r0, 1.18-r0, 1.19-r0, 1.20-r0)" in why


def test_a_digest_on_two_tracks_is_told_of_the_track_asked_for(made: Made) -> None:
    same = build("2.0-r0", "2026-01-09", track="latest")
    made.image("demo", [(same, []), (build("2.0-r0", "2026-01-09", track="edge"), [])], keys='tracks=["latest","edge"]')
    assert ask("resolve", "demo:2-edge", index=made.folder)["build"]["track"] == "edge"
    assert ask("resolve", "demo:2", index=made.folder)["build"]["track"] == "latest"


def test_an_unknown_image_or_tag_gets_the_closest_names(demo: Made) -> None:
    assert refused("resolve", "demos:1", index=demo.folder) == "the index has no image demos; the closest: demo"
    assert refused("resolve", "demo:1.27.5", index=demo.folder).startswith(
        "demo has no tag 1.27.5; the closest: 1.27.4, 1.27.3, 1.27.1"
    )
    assert "demo has no tag zzz; known: 1, 1.27, 1-dev, 1.27.1 and 15 more" in refused(
        "resolve", "demo:zzz", index=demo.folder
    )


def test_an_image_that_ends_in_the_name_asked_for_is_close(made: Made) -> None:
    made.toml.write_text('[images."example/nginx"]\n[images.postgres]\n')
    assert refused("resolve", "nginx:1", index=made.folder).endswith("; the closest: example/nginx")


@pytest.mark.parametrize("words", [("resolve", "demo"), ("packages", "demo:"), ("diff", "demo:1", "demo")])
def test_a_missing_tag_is_asked_for(demo: Made, words: tuple[str, ...]) -> None:
    assert refused(*words, index=demo.folder) == "demo: which build? Write demo:TAG, such as demo:latest"


def test_an_image_that_was_never_refreshed_says_what_to_do(made: Made) -> None:
    made.toml.write_text("[images.demo]\n")
    expected = f"demo has no builds yet: run `reverse-registry refresh --index {made.folder} demo`"
    assert refused("resolve", "demo:1", index=made.folder) == expected


def test_an_index_that_contradicts_itself_sends_to_check(demo: Made) -> None:
    edit(demo.folder / "demo/index.json", lambda document: document["tags"].update({"9.9": OLD.digest}))
    assert "run `reverse-registry check`" in refused("resolve", "demo:9.9", index=demo.folder)


def test_shows_a_table_for_people(demo: Made) -> None:
    shown = run("resolve", "demo:1.27.3", index=demo.folder).output
    assert f"digest     {OLD.digest}\n" in shown
    assert "tags       1.27.3 1.27.3-r0 1.27.3-r0-202601010000\n" in shown


@pytest.fixture
def several(demo: Made) -> Made:
    """The same build under two names, as an alias has it, and another image."""
    demo.image("more", [(OLD, [])])
    demo.image("other", [(build("7.0-r0", "2026-01-01", name="other"), [])], 'repository = "ghcr.io/some/thing"')
    return demo


@pytest.mark.parametrize("form", ["{digest}", "{hex}", "{hex:.12}", "sha256:{hex:.12}", "{hex:.7}"])
def test_a_digest_alone_is_looked_up_in_every_image(several: Made, form: str) -> None:
    asked = form.format(digest=OLD.digest, hex=OLD.digest.removeprefix("sha256:"))
    found = ask("resolve", asked, index=several.folder)
    assert (found["image"], found["rule"], found["pull"]) == ("demo", "digest", f"cgr.dev/chainguard/demo@{OLD.digest}")
    assert [each["image"] for each in found["others"]] == ["more"]
    assert found["tags"] == ["1.27.3", "1.27.3-r0", "1.27.3-r0-202601010000"]


def test_the_digest_of_one_platform_leads_to_its_build(several: Made) -> None:
    """What a cluster reports is often that of the platform that it runs."""
    digest = REBUILT.platforms["linux/amd64"]
    for asked in (digest, digest[7:19], f"demo@{digest}"):
        found = ask("resolve", asked, index=several.folder)
        assert (found["rule"], found["build"]["digest"]) == ("platform", REBUILT.digest)
        assert found["pull"] == f"cgr.dev/chainguard/demo@{digest}"
    shown = run("resolve", digest, index=several.folder).output
    assert f"build      {REBUILT.digest}\n" in shown
    assert "the linux/amd64 image of this build" in shown


def test_the_last_line_is_for_pasting(several: Made) -> None:
    shown = run("resolve", "other:7", index=several.folder).output.splitlines()
    assert shown[-1] == f"ghcr.io/some/thing@{build('7.0-r0', '2026-01-01', name='other').digest}"


@pytest.mark.parametrize(
    ("asked", "image"),
    [
        ("localhost:8000/demo:1.27", "demo"),
        ("registry.example.com/demo:1.27", "demo"),
        ("registry.example.com:5000/demo:1.27", "demo"),
        ("docker://registry.example.com/demo:1.27", "demo"),
        ("cgr.dev/chainguard/demo:1.27", "demo"),
        ("chainguard/demo:1.27", "demo"),
        ("ghcr.io/some/thing:7", "other"),
        ("registry.example.com/other:7", "other"),
    ],
)
def test_a_registry_before_the_name_is_as_a_client_has_it(several: Made, asked: str, image: str) -> None:
    assert ask("resolve", asked, index=several.folder)["image"] == image
    digest = ask("resolve", asked, index=several.folder)["build"]["digest"]
    without_tag = asked.removeprefix("docker://").rpartition(":")[0]
    assert ask("resolve", f"{without_tag}@{digest}", index=several.folder)["image"] == image


def test_the_path_of_the_address_is_no_part_of_a_name(made: Made) -> None:
    made.toml.write_text('address = "registry.example.com/mirror"\n')
    made.image("demo", [(OLD, [])])
    assert ask("resolve", "registry.example.com/mirror/demo:1.27.3", index=made.folder)["image"] == "demo"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("0123456789ab", "no build of any image, and no platform of one, begins with 0123456789ab"),
        ("sha256:", "sha256: is the beginning of several digests: demo@sha256:"),
        ("ghcr.io/no/such:1", "the index has no image no/such"),
        ("registry.example.com/demmo:1", "the index has no image demmo; the closest: demo"),
        ("demo", "demo: which build? Write demo:TAG, such as demo:latest"),
        ("registry.example.com:5000/demo", "which build? Write registry.example.com:5000/demo:TAG"),
        ("", "'': which image? Write IMAGE:TAG, IMAGE@DIGEST or a digest"),
        (":1", "':1': which image?"),
        ("@sha256:12", "'@sha256:12': which image?"),
        ("demo\x1b[31m:1", "the index has no image demo?[31m"),
    ],
)
def test_what_is_not_there_is_said_with_what_is_near(several: Made, asked: str, message: str) -> None:
    assert message in refused("resolve", asked, index=several.folder)


def test_why_a_version_is_unknown_is_told(made: Made) -> None:
    made.image("demo", [(build(None, "2026-01-01"), None)])
    unknown = {"reason": "several packages would fit", "candidates": ["apk/wolfi/a@1-r0"]}
    edit(made.folder / "demo/index.json", lambda d: d["builds"][0].update(unknown=unknown))
    shown = run("resolve", "demo:latest", index=made.folder).output
    assert "unknown: several packages would fit; candidates: apk/wolfi/a@1-r0\n" in shown


def test_capitals_make_no_difference_to_a_digest_or_to_what_is_near(several: Made) -> None:
    for asked in (OLD.digest.upper().replace("SHA", "sha"), OLD.digest[7:19].upper(), f"demo@{OLD.digest.upper()}"):
        assert ask("resolve", asked, index=several.folder)["build"]["digest"] == OLD.digest
    assert "the index has no image DEMO; the closest: demo" in refused("resolve", "DEMO:1", index=several.folder)


def test_a_retracted_tag_is_told_with_its_reason(demo: Made) -> None:
    retracted = {"9-202601010000": {"digest": OLD.digest, "reason": "its build is of 1.27.3-r0, not of 9"}}
    edit(demo.folder / "demo/index.json", lambda d: d.update(retracted=retracted))
    found = ask("resolve", "demo:9-202601010000", index=demo.folder)
    assert (found["rule"], found["build"]["digest"]) == ("retracted", OLD.digest)
    assert found["why"].endswith("still answered: its build is of 1.27.3-r0, not of 9")


def test_what_is_gone_is_told_with_since_when(demo: Made) -> None:
    gone = {"7": {"digest": OLD.digest, "since": "2026-03-01T00:00:00Z"}}
    edit(demo.folder / "demo/index.json", lambda d: d.update(gone=gone))
    edit(demo.folder / "demo/index.json", lambda d: d["builds"][0].update(gone="2026-03-01T00:00:00Z"))
    message = f"demo:7 is gone: upstream no longer has {OLD.digest}, since 2026-03-01 at the latest"
    assert refused("resolve", "demo:7", index=demo.folder) == message
    assert "gone       2026-03-01 00:00 UTC" in run("resolve", OLD.digest, index=demo.folder).output


def test_of_several_images_with_a_digest_that_whose_tag_came_to_it_last_is_first(demo: Made) -> None:
    demo.image("later", [(replace(OLD, seen=OLD.seen + timedelta(days=9)), [])])
    demo.image("earlier", [(replace(OLD, seen=OLD.seen - timedelta(days=9)), [])])
    found = ask("resolve", OLD.digest, index=demo.folder)
    assert [found["image"], *(each["image"] for each in found["others"])] == ["later", "demo", "earlier"]


def test_a_beginning_of_two_digests_is_refused_and_both_are_named(demo: Made) -> None:
    for name, end in (("one", "1"), ("two", "2")):
        demo.image(name, [(replace(OLD, digest=f"sha256:{'0' * 63}{end}", platforms={}), [])])
    assert refused("resolve", "0" * 12, index=demo.folder) == (
        f"{'0' * 12} is the beginning of several digests: "
        f"one@sha256:{'0' * 63}1, two@sha256:{'0' * 63}2; write more of it"
    )


def test_a_digest_of_sha512_is_found_by_its_own_beginning(made: Made) -> None:
    long = replace(OLD, digest=f"sha512:{'ab' * 64}")
    made.image("demo", [(long, [])])
    for asked in (long.digest, f"sha512:{'ab' * 6}"):
        assert ask("resolve", asked, index=made.folder)["digest"] == long.digest
    assert "begins with sha256:abab" in refused("resolve", "sha256:abababababab", index=made.folder)


@pytest.mark.parametrize(
    ("asked", "image"),
    [
        ("registry.example.com/a/b/demo:1", "demo"),
        ("registry.example.com/demo:1", "demo"),
        ("cgr.dev/chainguard/demo:1", "demo"),
        ("a/b/demo:1", None),
        ("registry.example.com/b/demo:1", None),
        ("registry.example.com/a/b/a/b/demo:1", None),
    ],
)
def test_the_path_of_the_address_goes_before_a_name_whole_once_and_behind_a_host_only(
    made: Made, asked: str, image: str | None
) -> None:
    made.toml.write_text('upstream = "cgr.dev/chainguard"\naddress = "registry.example.com/a/b"\n')
    made.image("demo", [(OLD, [])])
    if image:
        assert ask("resolve", asked, index=made.folder)["image"] == image
    else:
        assert "the index has no image " in refused("resolve", asked, index=made.folder)


def test_of_images_with_one_path_that_is_meant_whose_registry_is_named(made: Made) -> None:
    for name, host in (("first", "one.example.com"), ("second", "two.example.com")):
        made.image(name, [(OLD, [])], f'repository = "{host}/library/demo"\n')
    for name, host in (("first", "one.example.com"), ("second", "two.example.com")):
        assert ask("resolve", f"{host}/library/demo:1", index=made.folder)["image"] == name
    assert ask("resolve", "library/demo:1", index=made.folder)["image"] == "first"


@pytest.mark.parametrize(
    ("asked", "host", "name"),
    [
        ("localhost/a/b:1", "localhost", "a/b"),
        ("localhost:5000/a:1", "localhost:5000", "a"),
        ("example.com/a:1", "example.com", "a"),
        ("local/a:1", "", "local/a"),
        ("localhost:1", "", "localhost"),
    ],
)
def test_a_registry_is_told_from_the_first_part_of_a_name_as_docker_does(asked: str, host: str, name: str) -> None:
    reference = Reference.parse(asked)
    assert (reference.host, reference.name, reference.tag) == (host, name, "1")
    assert str(reference) == asked
    assert str(Reference.parse(f"{asked}@sha256:12")) == f"{asked.removesuffix(':1')}@sha256:12"


def test_a_digest_alone_names_neither_registry_nor_image_nor_tag() -> None:
    assert Reference.parse("sha256:AB") == Reference("", "", "", "sha256:ab")
    assert Reference.parse("demo:1@sha256:AB") == Reference("", "demo", "", "sha256:ab")


def test_what_is_known_is_counted_only_where_it_is_more_than_is_shown(made: Made) -> None:
    made.toml.write_text("")
    assert refused("resolve", "zzz:1", index=made.folder) == "the index has no image zzz; none is known yet"
    for count, more in ((4, ""), (5, " and 1 more")):
        made.toml.write_text("".join(f"[images.a{number}]\n" for number in range(count)))
        assert refused("resolve", "zzz:1", index=made.folder) == (
            f"the index has no image zzz; known: a0, a1, a2, a3{more}"
        )


def test_at_most_four_that_are_near_are_named(made: Made) -> None:
    made.toml.write_text("".join(f"[images.demo{number}]\n" for number in range(9)))
    message = refused("resolve", "demo:1", index=made.folder)
    assert message.startswith("the index has no image demo; the closest: demo")
    assert message.count("demo") == 5


@pytest.mark.parametrize(("count", "shown"), [(5, "(1.1-r0, 1.2-r0"), (6, "(the last are 1.2-r0, 1.3-r0")])
def test_all_versions_of_a_line_are_named_while_they_are_few(made: Made, count: int, shown: str) -> None:
    made.image("demo", [(build(f"1.{minor}-r0", f"2026-01-{minor:02}"), []) for minor in range(1, count + 1)])
    assert shown in ask("resolve", "demo:1", index=made.folder)["why"]


def test_the_reasons_are_sentences(demo: Made) -> None:
    assert ask("resolve", OLD.digest, index=demo.folder)["why"] == "a digest is the same build for ever"
    unique = ask("resolve", "demo:1.27.3-r0-202601010000", index=demo.folder)
    assert unique["why"] == "the tag of this build alone, which never moves"


def test_a_name_for_an_exact_version_and_for_a_line_is_told_as_the_exact_version(made: Made) -> None:
    exact = build("2", "2026-01-02", type_="generic")
    line = build("2.1", "2026-01-01", type_="generic")
    made.image("demo", [(line, []), (exact, [])])
    found = ask("resolve", "demo:2", index=made.folder)
    assert (found["digest"], found["rule"]) == (exact.digest, "exact")


def test_a_tag_that_the_constraint_forbids_does_not_follow(made: Made) -> None:
    made.image("demo", [(OLD, []), (FIRST, [])])
    made.toml.write_text(made.toml.read_text() + r"constraint = '^1\.27\.3'")
    assert "does not follow from the builds" in refused("resolve", "demo:1.27.4", index=made.folder)
    assert ask("resolve", "demo:1.27.3", index=made.folder)["digest"] == OLD.digest


def test_no_digest_is_found_in_a_text_that_merely_holds_it(made: Made) -> None:
    made.image("demo", [(OLD, [])])
    assert OLD.sbom
    assert "begins with" in refused("resolve", OLD.sbom.digest, index=made.folder)
