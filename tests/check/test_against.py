import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.check.findings import check, notes, problems
from tests.query.made import Change, Made, build, digest, edit, git, refused, run

FIRST = build("1.0-r0", "2026-01-01")
UNKNOWN = build(None, "2026-01-02")
LATEST = build("1.1-r0", "2026-01-03")
HISTORY: list[tuple[Any, list[str] | None]] = [(FIRST, ["apk/wolfi/a@1-r0"]), (UNKNOWN, None), (LATEST, [])]


@pytest.fixture
def kept(made: Made) -> Made:
    """An index in a folder of a git repository, committed."""
    made.image("demo", HISTORY)
    git(made.folder.parent, "init", "--quiet")
    git(made.folder.parent, "add", ".")
    git(made.folder.parent, "commit", "--quiet", "--message", "recorded")
    return made


def losses(made: Made, revision: str = "HEAD") -> list[str]:
    """What `--against` finds beyond the check itself."""
    return [line for line in problems(made.folder, "--against", revision) if line not in problems(made.folder)]


def test_nothing_lost_is_said_so(index: Path) -> None:
    done = run("check", "--against", "HEAD", index=index)
    assert (done.exit_code, done.output) == (0, f"{index}: no problem, and all that was recorded at HEAD is there\n")


def test_new_builds_and_images_and_moved_tags_are_no_loss(kept: Made) -> None:
    kept.image("demo", [*HISTORY, (build("1.1-r0", "2026-01-04"), ["apk/wolfi/b@1-r0"])])
    kept.image("more", [(build("1.0-r0", "2026-01-01", name="more"), [])])
    assert losses(kept) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("created", "2026-01-02T00:00:30Z"),
        ("seen", "2026-01-02T12:00:00Z"),
        ("size", 796),
        ("mediaType", "application/vnd.oci.image.manifest.v1+json"),
        ("platforms", {}),
    ],
)
def test_nothing_but_its_version_may_be_filled_in(kept: Made, field: str, value: object) -> None:
    """A build of unknown version that says nothing of when it was made, as one whose platforms were lost."""
    edit(kept.folder / "demo/index.json", lambda d: d["builds"][1].update(created=None))
    git(kept.folder, "commit", "--quiet", "--all", "--message", "without a date")
    edit(kept.folder / "demo/index.json", lambda d: d["builds"][1].update({field: value}))
    assert f"{UNKNOWN.digest} (latest): {field} was " in "\n".join(losses(kept))


def test_what_was_unknown_may_be_filled_in(kept: Made) -> None:
    known = build("1.0-r5", "2026-01-02")
    kept.image("demo", [HISTORY[0], (known, ["apk/wolfi/a@1-r0"]), HISTORY[2]])
    for name in ("index.json", "packages.json"):
        path = kept.folder / "demo" / name
        path.write_text(path.read_text().replace(known.digest, UNKNOWN.digest))
    edit(kept.folder / "demo/index.json", lambda d: d["builds"][1].update(platforms=UNKNOWN.platforms))
    edit(kept.folder / "demo/index.json", lambda d: d["tags"].update({"latest-202601020000": UNKNOWN.digest}))
    assert losses(kept) == []


@pytest.mark.parametrize(
    ("file", "change", "expected"),
    [
        ("index.json", lambda d: d["builds"].pop(0), f"build {FIRST.digest} (latest) is lost"),
        ("index.json", lambda d: d["builds"][0].update(size=796), f"{FIRST.digest} (latest): size was 795, and is 796"),
        (
            "index.json",
            lambda d: d["builds"][0].update(version="1.0-r9", purl="pkg:apk/wolfi/demo@1.0-r9"),
            'version was "1.0-r0", and is "1.0-r9"',
        ),
        (
            "index.json",
            lambda d: d["builds"][0].update(version=None, purl=None),
            'version was "1.0-r0", and is null',
        ),
        (
            "index.json",
            lambda d: d["builds"][0].update(created=None),
            'created was "2026-01-01T00:00:00Z", and is null',
        ),
        (
            "index.json",
            lambda d: d["builds"][2].update(seen="2026-01-04T00:00:00Z"),
            'seen was "2026-01-03T00:00:00Z", and is "2026-01-04T00:00:00Z"',
        ),
        (
            "index.json",
            lambda d: d["builds"][0]["platforms"].update({"linux/arm64": digest("x")}),
            "platforms was {",
        ),
        ("index.json", lambda d: d["builds"][0]["sbom"].update(verified=True), 'sbom was {"kind":'),
        (
            "index.json",
            lambda d: d["tags"].pop("1.0-r0-202601010000"),
            f"tags.1.0-r0-202601010000 was {FIRST.digest}, and is lost",
        ),
        (
            "index.json",
            lambda d: d["tags"].update({"1.0-r0-202601010000": LATEST.digest}),
            f"tags.1.0-r0-202601010000 was {FIRST.digest}, and is {LATEST.digest}",
        ),
        (
            "packages.json",
            lambda d: d["builds"][0]["added"].append("apk/wolfi/z@1-r0"),
            f"packages of {FIRST.digest} (latest) were changed",
        ),
        ("packages.json", lambda d: d["builds"].pop(), f"packages of {LATEST.digest} (latest) are lost"),
    ],
)
def test_finds_what_was_lost_or_changed(kept: Made, file: str, change: Change, expected: str) -> None:
    edit(kept.folder / "demo" / file, change)
    assert any(line.startswith(f"demo/{file}: ") and expected in line for line in losses(kept)), losses(kept)


def test_a_consistent_forgery_is_found(kept: Made) -> None:
    """What no rule of the index itself can tell."""
    shutil.rmtree(kept.folder / "demo")
    kept.image("demo", [(LATEST, [])])
    assert losses(kept) == [
        "demo/index.json: tracks.latest.since was 2026-01-01T00:00:00Z, and is 2026-01-03T00:00:00Z, "
        "and since of images.toml was not changed",
        f"demo/index.json: build {FIRST.digest} (latest) is lost, should be there",
        f"demo/index.json: build {UNKNOWN.digest} (latest) is lost, should be there",
        f"demo/index.json: tags.1.0-r0-202601010000 was {FIRST.digest}, and is lost: a unique tag never moves",
        f"demo/index.json: tags.latest-202601020000 was {UNKNOWN.digest}, and is lost: a unique tag never moves",
        f"demo/packages.json: packages of {FIRST.digest} (latest) are lost",
    ]


def test_an_image_that_is_gone_is_found(kept: Made) -> None:
    shutil.rmtree(kept.folder / "demo")
    kept.toml.write_text("")
    assert losses(kept) == ["demo/index.json: is gone, should be there with its 3 builds; restore it from git"]


def test_what_was_broken_then_cannot_be_compared(kept: Made) -> None:
    path = kept.folder / "demo/index.json"
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    git(kept.folder, "commit", "--quiet", "--all", "--message", "broken")
    path.write_bytes(whole)
    assert ["cannot be compared with what it was" in line for line in losses(kept)] == [True]
    assert losses(kept, "HEAD~1") == []


def test_an_older_revision_a_branch_or_a_tag_will_do(kept: Made) -> None:
    git(kept.folder, "tag", "release")
    kept.image("demo", [(LATEST, [])])
    git(kept.folder, "commit", "--quiet", "--all", "--message", "lost")
    assert losses(kept) == []
    for revision in ("HEAD~1", "release", git(kept.folder, "rev-parse", "HEAD~1")):
        assert problems(kept.folder, "--against", revision)


def test_an_index_that_did_not_exist_then_lost_nothing(kept: Made) -> None:
    other = Made(kept.folder.parent / "other")
    other.image("demo", HISTORY)
    assert losses(other) == []


@pytest.mark.parametrize("revision", ["nope", "--all", "", "HEAD:made", "-n1", "a\x1b[31m"])
def test_an_unknown_revision_is_refused(kept: Made, revision: str) -> None:
    message = refused("check", f"--against={revision}", index=kept.folder)
    assert message.startswith(f"{kept.folder}: git has no ")
    assert "\x1b" not in message


def test_a_folder_outside_of_git_is_refused(made: Made) -> None:
    made.image("demo", HISTORY)
    assert "not a git repository" in refused("check", "--against", "HEAD", index=made.folder)


def test_a_machine_without_git_is_told(kept: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "PATH", "/nonexistent")
    assert refused("check", "--against", "HEAD", index=kept.folder) == "git is not installed, and this needs it"


def settings(index: Path, old: str, new: str) -> None:
    path = index / "images.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_new_builds_and_new_images_are_listed_for_whoever_reviews(kept: Made) -> None:
    added = build("1.2-r0", "2026-01-05")
    kept.image("demo", [*HISTORY, (added, [])])
    kept.image("more", [(build("1.0-r0", "2026-01-01", name="more"), [])])
    listed = notes(kept.folder, "--against", "HEAD")
    assert f"demo/index.json: build {added.digest} (latest) is new: 1.2-r0" in listed
    assert "more/index.json: is new, with 1 build of cgr.dev/chainguard/more" in listed


def test_what_was_unknown_and_is_known_is_listed(kept: Made) -> None:
    known = build("1.0-r5", "2026-01-02")
    kept.image("demo", [HISTORY[0], (known, []), HISTORY[2]])
    for name in ("index.json", "packages.json"):
        path = kept.folder / "demo" / name
        path.write_text(path.read_text().replace(known.digest, UNKNOWN.digest))
    listed = notes(kept.folder, "--against", "HEAD")
    assert f"demo/index.json: build {UNKNOWN.digest} (latest): its version was unknown, and is 1.0-r5" in listed


def test_a_realm_may_move_with_the_registry_that_images_toml_names(index: Path) -> None:
    realm = {"realm": "https://ghcr.io/token", "service": "ghcr.io"}
    edit(index / "nginx/index.json", lambda d: d.update(repository="ghcr.io/somebody/nginx", auth=realm))
    assert len([line for line in problems(index, "--against", "HEAD") if "of images.toml was not changed" in line]) == 2
    settings(index, "[images.nginx]", '[images.nginx]\nrepository = "ghcr.io/somebody/nginx"')
    _, found = check(index, "--against", "HEAD")
    assert not [line for line in found if "was not changed" in line]
    assert [line.partition(" was ")[0] for line in found if line.startswith("nginx/") and " was " in line] == [
        "nginx/index.json: note: repository",
        "nginx/index.json: note: auth",
    ]


def test_a_realm_may_not_move_because_something_else_of_images_toml_was_changed(index: Path) -> None:
    edit(index / "nginx/index.json", lambda d: d["auth"].update(service="evil"))
    settings(index, "[images.nginx]", "[images.nginx]\nconstraint = '^1'")
    assert "nginx/index.json: auth was {" in "\n".join(problems(index, "--against", "HEAD"))


def test_since_may_move_with_since_of_images_toml(index: Path) -> None:
    edit(index / "nginx/index.json", lambda d: d["tracks"]["latest"].update(since="2025-01-01T00:00:00Z"))
    assert "tracks.latest.since was" in "\n".join(problems(index, "--against", "HEAD"))
    settings(index, 'since = "always"', "since = 2025-01-01")
    assert "tracks.latest.since was" in "\n".join(notes(index, "--against", "HEAD"))


def test_where_unknown_names_are_sent_is_listed_when_images_toml_changes_it(index: Path) -> None:
    before = (index / "images.toml").read_text().splitlines()[0]
    settings(index, before, f'{before[:-1]}/more"')
    assert "images.toml: upstream was " in "\n".join(notes(index, "--against", "HEAD"))


def test_a_frozen_image_gets_no_builds(kept: Made) -> None:
    settings(kept.folder, "[images.demo]", "[images.demo]\nfrozen = true")
    git(kept.folder, "commit", "--quiet", "--all", "--message", "frozen")
    kept.image("demo", [*HISTORY, (build("1.2-r0", "2026-01-05"), [])])
    assert "is new, should not be: the image is frozen in images.toml" in "\n".join(losses(kept))
    settings(kept.folder, "frozen = true", "")
    assert "is frozen" not in "\n".join(losses(kept))


def test_pages_of_an_older_version_are_no_problem_of_the_change_at_hand(index: Path) -> None:
    """Only until they are edited; and a check that is asked about the whole index says so."""
    (index / "nginx/README.md").write_text("as an older template made it")
    edit(index / "refreshed.json", lambda d: d.update(program="an older one"))
    git(index, "commit", "--quiet", "--all", "--message", "refreshed long ago")
    assert "nginx/README.md: line 1 is" in "\n".join(problems(index))
    assert problems(index, "--against", "HEAD") == []
    (index / "nginx/README.md").write_text("as nobody made it")
    assert "nginx/README.md: line 1 is" in "\n".join(problems(index, "--against", "HEAD"))


def test_the_pages_of_an_image_that_is_not_served_stay_as_they_are(index: Path) -> None:
    settings(index, '[images.nginx]\nsince = "always"\n', "")
    run("refresh", index=index)
    assert problems(index, "--against", "HEAD") == []
    (index / "nginx/README.md").write_text("docker pull evil.example.com/nginx\n")
    assert problems(index, "--against", "HEAD") == [
        "nginx/README.md: was changed, should be as it was: its image is not in images.toml"
    ]


def test_the_folder_of_an_image_may_go_after_it_was_no_longer_served(index: Path) -> None:
    """Not in one step: what is served must not be lost by a slip."""
    settings(index, '[images.nginx]\nsince = "always"\n', "")
    run("refresh", index=index)
    shutil.rmtree(index / "nginx")
    assert "nginx/index.json: is gone, should be there" in "\n".join(problems(index, "--against", "HEAD"))
    git(index, "checkout", "--quiet", "--", "nginx")
    git(index, "commit", "--quiet", "--all", "--message", "nginx is no longer served")
    shutil.rmtree(index / "nginx")
    assert problems(index, "--against", "HEAD") == []
    assert "nginx/index.json: is gone with its 10 builds; restore it from git" in notes(index, "--against", "HEAD")


def test_a_history_that_is_to_be_read_again_is_listed(index: Path) -> None:
    edit(index / "nginx/index.json", lambda d: d["tracks"]["latest"].update(since=None))
    assert "tracks.latest.since was 1970-01-01T00:00:00Z, and is null" in "\n".join(notes(index, "--against", "HEAD"))
