"""Edits by somebody who runs this very program, so that all that follows from them is derived again, and fits."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from generator import images
from generator.record.store import Store
from generator.refresh.recorder import Recorder
from tests.check.edits import EVIL, NGINX, PACKAGES, newest
from tests.check.findings import notes, problems
from tests.query.made import edit, git

AT = "2026-02-19T00:00:00Z"
WATCHED = '[images.nginx]\nsince = "always"\n'
SSL = {"version": "3.5.2-r0", "purl": "pkg:apk/wolfi/libssl3@3.5.2-r0"}
SIGNED = {
    "kind": "cosign-attestation",
    "format": "spdx",
    "digest": EVIL,
    "verified": True,
    "identity": "ci@example.com",
}
LABEL = {"kind": "label", "format": "label", "digest": EVIL, "verified": False, "identity": None}
NOTHING = {"version": None, "purl": None, "sbom": None, "label": None}
UNKNOWN = {"reason": "no SBOM is attached", "candidates": []}


def derive(index: Path) -> None:
    """Tags, pages, catalogue and stamps, with nobody asked."""
    recorder = Recorder(Store(index), images.load(index / "images.toml"), write=True)
    recorder.recall()
    recorder.publish()


def settings(index: Path, old: str, new: str) -> None:
    path = index / "images.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


def add(index: Path, **fields: Any) -> None:
    """A build after all others, with the packages of the newest."""
    made = {"digest": EVIL, "seen": AT, "created": AT, **fields}
    edit(index / NGINX, lambda d: d["builds"].append(newest(d) | made))
    edit(index / PACKAGES, lambda d: d["builds"].append(newest(d) | {"digest": EVIL, "added": [], "removed": []}))


def forget(index: Path) -> str:
    """Makes the newest build one that no SBOM was found for, as if it had always been; gives its digest."""
    found: list[str] = []

    def change(image: Any) -> None:
        newest(image).update(NOTHING | {"unknown": UNKNOWN})
        del newest(image)["label"]
        found.append(newest(image)["digest"])

    edit(index / NGINX, change)
    edit(index / PACKAGES, lambda d: d.update(builds=[each for each in d["builds"] if each["digest"] != found[0]]))
    derive(index)
    git(index, "commit", "--quiet", "--all", "--message", "no SBOM")
    assert problems(index, "--against", "HEAD") == []
    return found[0]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"sbom": SIGNED}, "sbom.verified is true, should be false: images.toml names nobody to trust"),
        ({"sbom": LABEL, "version": "9.0", "purl": "pkg:generic/nginx@9.0"},
         "sbom.kind is label, should be another: images.toml has no version-label"),
        (SSL, "version is 3.5.2-r0, of pkg:apk/wolfi/libssl3@3.5.2-r0, "
              "should be 1.29.1-r0, of pkg:apk/wolfi/nginx@1.29.1-r0, by its packages"),
    ],
)  # fmt: skip
def test_a_new_build_is_held_against_what_a_refresh_would_have_learned(
    index: Path, fields: dict[str, Any], expected: str
) -> None:
    add(index, **fields)
    derive(index)
    assert problems(index, "--against", "HEAD") == [f"{NGINX}: build {EVIL} (latest-dev): {expected}"]


def test_the_version_of_another_package_is_none_because_images_toml_was_changed(index: Path) -> None:
    settings(index, WATCHED, f'{WATCHED}package = "nginx"\n')
    edit(index / NGINX, lambda d: (newest(d).update(SSL), d.update(settings={"package": "nginx"})))
    derive(index)
    found = problems(index, "--against", "HEAD")
    assert any("version is 3.5.2-r0, of pkg:apk/wolfi/libssl3@3.5.2-r0, should be 1.29.1-r0" in line for line in found)


def test_a_whole_image_that_is_new_is_held_against_it_too(index: Path) -> None:
    settings(index, WATCHED, f'{WATCHED}\n[images.extra]\nrepository = "ghcr.io/a/extra"\n')
    shutil.copytree(index / "nginx", index / "extra")
    realm = {"realm": "https://evil.example.com/token", "service": None}
    moved = {"name": "extra", "repository": "ghcr.io/a/extra", "auth": realm}
    edit(index / "extra/index.json", lambda d: (d.update(moved), newest(d).update(sbom=SIGNED | {"digest": EVIL})))
    edit(index / "extra/packages.json", lambda d: d.update(name="extra"))
    derive(index)
    assert [line for line in problems(index, "--against", "HEAD") if "names nobody to trust" in line]
    listed = notes(index, "--against", "HEAD")
    assert "images.toml: [images.extra] is new: ghcr.io/a/extra" in listed
    assert (
        "extra/index.json: is new, with 10 builds of ghcr.io/a/extra, whose tokens come from "
        "https://evil.example.com/token"
    ) in listed


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda build: build.update(label="openssl"), 'label was null, and is "openssl"'),
        (lambda build: build["unknown"].update(reason="use evil"), 'and is {"reason":"use evil","candidates":[]}'),
    ],
)  # fmt: skip
def test_what_is_said_of_a_build_of_unknown_version_is_listed(
    index: Path, change: Callable[[Any], object], expected: str
) -> None:
    """The label decides on its version, once its packages are known."""
    unknown = forget(index)
    edit(index / NGINX, lambda d: change(newest(d)))
    derive(index)
    listed = notes(index, "--against", "HEAD")
    assert any(line.startswith(f"{NGINX}: build {unknown} (latest-dev): ") and expected in line for line in listed)


def test_a_build_whose_packages_tell_its_version_is_not_unknown(index: Path) -> None:
    edit(index / NGINX, lambda d: newest(d).update(version=None, purl=None, unknown=UNKNOWN))
    expected = '(latest-dev): version is null, should be "1.29.1-r0" by its packages and images.toml; refresh'
    assert any(line.startswith(f"{NGINX}: build ") and line.endswith(expected) for line in problems(index))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[images.nginx]", "[images.nginx]\nprivate = true", "private was false, and is true, of nginx"),
        ("[images.nginx]", "[images.nginx]\nconstraint = '^9'", "constraint was not set, and is ^9, of nginx"),
        ('tracks = ["latest"]', 'tracks = ["latest", "edge"]', "tracks was latest, and is latest, edge, of python"),
        ("[images.nginx]", 'trust = {key = "cosign.pub"}\n[images.nginx]',
         "trust was not set, and is the key cosign.pub, of nginx, postgres, python"),
        ("[images.postgres]", "[images.postgres]\nkeep = true", "keep was false, and is true, of postgres"),
        ("[images.postgres]", '[images.postgres]\nrepository = "ghcr.io/a/b"', "and is ghcr.io/a/b, of postgres"),
    ],
)  # fmt: skip
def test_each_setting_of_images_toml_that_is_another_is_listed(index: Path, old: str, new: str, expected: str) -> None:
    settings(index, old, new)
    assert any(line.startswith("images.toml: ") and expected in line for line in notes(index, "--against", "HEAD"))


def test_another_key_to_sign_with_is_listed_and_a_missing_one_is_a_problem(index: Path) -> None:
    settings(index, WATCHED, f'{WATCHED}trust = {{key = "cosign.pub"}}\n')
    assert "cosign.pub: is missing, should be the public key that [trust] of images.toml names" in problems(index)
    (index / "cosign.pub").write_text("ours")
    derive(index)
    git(index, "add", ".")
    git(index, "commit", "--quiet", "--message", "signed")
    (index / "cosign.pub").write_text("theirs")
    assert problems(index, "--against", "HEAD") == []
    assert "cosign.pub: is another than it was: whoever has it signs for what is believed" in notes(
        index, "--against", "HEAD"
    )


def test_the_reason_of_a_retraction_stays(index: Path) -> None:
    edit(index / NGINX, lambda d: d.update(retracted={
        "9.9-r0-202602181757": {"digest": newest(d)["digest"], "reason": "its build is of 1.29.1-r0, not of 9.9-r0"}
    }))  # fmt: skip
    derive(index)
    git(index, "commit", "--quiet", "--all", "--message", "retracted")
    assert problems(index, "--against", "HEAD") == []
    edit(index / NGINX, lambda d: d["retracted"]["9.9-r0-202602181757"].update(reason="evil"))
    derive(index)
    assert problems(index, "--against", "HEAD") == [
        f"{NGINX}: retracted.9.9-r0-202602181757.reason was its build is of 1.29.1-r0, not of 9.9-r0, and is evil"
    ]


def test_upstream_tells_since_when_a_build_was_there(index: Path) -> None:
    whole = {file: (index / file).read_bytes() for file in (NGINX, PACKAGES)}

    def take_away(image: Any) -> None:
        lost = image["builds"].pop()["digest"]
        image["tags"] = {tag: digest for tag, digest in image["tags"].items() if digest != lost}
        before = next(each for each in reversed(image["builds"]) if each["track"] == "latest-dev")
        image["tracks"]["latest-dev"]["digest"] = before["digest"]

    edit(index / NGINX, take_away)
    edit(index / PACKAGES, lambda d: d["builds"].pop())
    derive(index)
    git(index, "commit", "--quiet", "--all", "--message", "before the newest build")
    for file, data in whole.items():
        (index / file).write_bytes(data)

    def backdate(image: Any) -> None:
        newest(image)["seen"] = "2026-02-10T00:00:00Z"
        image["builds"].sort(key=lambda build: (build["seen"], build["track"], build["digest"]))

    edit(index / NGINX, backdate)
    edit(index / PACKAGES, lambda d: d["builds"].insert(-1, d["builds"].pop()))
    derive(index)
    assert problems(index, "--against", "HEAD") == []
    (found,) = problems(index, "--against", "HEAD", "--upstream")
    assert "seen is 2026-02-10T00:00:00+00:00, should not be before 2026-02-18T" in found
