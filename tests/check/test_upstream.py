"""`check --upstream`: what cannot be derived is asked for."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.check.conftest import IMAGES
from tests.check.edits import EVIL, gone, plausible
from tests.check.findings import check, notes, problems
from tests.generator.conftest import QUICK
from tests.query.made import edit, git, run
from tests.upstream import Answer, ExampleUpstream, Fault
from tests.upstream.images import nginx

NGINX = "nginx/index.json"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[ExampleUpstream]:
    """An upstream to be changed, with an index of it in `tmp_path/index`, committed."""
    with ExampleUpstream() as example:
        (tmp_path / "index").mkdir()
        (tmp_path / "index/images.toml").write_text(IMAGES.format(host=example.host))
        assert run("refresh", "nginx", index=tmp_path / "index").exit_code == 0
        git(tmp_path, "init", "--quiet")
        commit(tmp_path)
        yield example


def commit(folder: Path) -> None:
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "recorded")


def test_an_index_as_upstream_has_it_is_sound(index: Path) -> None:
    assert check(index, "--upstream") == (0, [])
    assert check(index, "--upstream", "--against", "HEAD") == (0, [])


def platform(build: Any) -> None:
    build["platforms"]["linux/amd64"] = EVIL


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (platform, f"platforms is linux/amd64 {EVIL}, linux/arm64 sha256:"),
        (
            lambda build: build.update(created="2025-01-09T01:42:18Z"),
            "created is 2025-01-09T01:42:18+00:00, should be 2025",
        ),
        (lambda build: build.update(size=5), "size is 5, should be 7"),
        (
            lambda build: build.update(mediaType="application/vnd.docker.distribution.manifest.list.v2+json"),
            "should be application/vnd.oci.image.index.v1+json as upstream has it",
        ),
    ],
)
def test_a_build_that_upstream_has_otherwise_is_found(index: Path, change: Any, expected: str) -> None:
    edit(index / NGINX, lambda d: change(d["builds"][0]))
    assert run("refresh", "nginx", index=index).exit_code == 0
    assert problems(index) == []
    assert any(line.startswith(f"{NGINX}: build ") and expected in line for line in problems(index, "--upstream"))


def test_the_realm_is_the_one_that_upstream_names(index: Path) -> None:
    edit(index / NGINX, lambda d: d["auth"].update(realm="https://evil.example.com/token"))
    shutil.rmtree(index / "python")
    found = [line for line in problems(index, "--upstream") if "auth" in line]
    assert len(found) == 1
    assert found[0].startswith(f"{NGINX}: auth is https://evil.example.com/token (localhost:")
    assert "should be http://localhost:" in found[0]


def test_a_plausible_build_is_found_out(index: Path) -> None:
    plausible(index)
    assert problems(index, "--against", "HEAD") == []
    found = problems(index, "--against", "HEAD", "--upstream")
    assert found == [f"{NGINX}: build {EVIL} (latest-dev): is not there: upstream has no such manifest"]


def test_a_build_of_another_track_is_found_out(index: Path) -> None:
    """It is there, signed and all; but no `latest` ever was this."""

    def misplace(image: Any) -> None:
        old = next(build for build in image["builds"] if build["track"] == "latest-dev")
        unknown = dict.fromkeys(("version", "purl", "sbom"))
        image["builds"] = sorted([*image["builds"], old | unknown | {"track": "latest"}], key=lambda b: b["seen"])

    edit(index / NGINX, misplace)
    assert run("refresh", "nginx", index=index).exit_code == 0
    assert problems(index, "--against", "HEAD") == []
    found = problems(index, "--against", "HEAD", "--upstream")
    assert any("track is latest, should be another: that never pointed there" in line for line in found)


def test_a_new_build_as_a_refresh_learns_it_is_confirmed(own: ExampleUpstream, tmp_path: Path) -> None:
    digest = own.push(nginx("1.29.2-r0", "2026-02-20T10:00:05Z", ssl="3.5.2-r0"), "latest")
    assert run("refresh", "nginx", index=tmp_path / "index").exit_code == 0
    assert problems(tmp_path / "index", "--against", "HEAD", "--upstream") == []
    assert any(digest in line for line in notes(tmp_path / "index", "--against", "HEAD", "--upstream"))


def test_a_realm_that_upstream_has_moved_is_confirmed(own: ExampleUpstream, tmp_path: Path) -> None:
    index = tmp_path / "index"
    edit(index / NGINX, lambda d: d["auth"].update(service="as it once was"))
    commit(tmp_path)
    edit(index / NGINX, lambda d: d["auth"].update(service=own.host))
    assert "auth was {" in "\n".join(problems(index, "--against", "HEAD"))
    assert "auth was {" not in "\n".join(problems(index, "--against", "HEAD", "--upstream"))
    assert "auth was {" in "\n".join(notes(index, "--against", "HEAD", "--upstream"))


def test_a_registry_that_asks_for_no_token_any_more_is_listed_and_another_s_realm_is_a_problem(
    own: ExampleUpstream, tmp_path: Path
) -> None:
    index = tmp_path / "index"
    own.options.tokens = False
    assert run("refresh", "nginx", index=index).exit_code == 0
    assert problems(index, "--upstream") == []
    assert "should be null as upstream says" in "\n".join(notes(index, "--upstream"))
    edit(index / NGINX, lambda d: d["auth"].update(realm="https://evil.example.com/token"))
    assert "should be null as upstream says" in "\n".join(problems(index, "--upstream"))


def test_an_upstream_that_is_down_is_a_problem_and_not_asked_for_ever(
    own: ExampleUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for asking in ("check.upstream", "refresh.presence"):
        monkeypatch.setattr(f"generator.{asking}.Limits", lambda: QUICK)
    own.inject(Fault(Answer(500), path="/manifests/", times=None))
    found = problems(tmp_path / "index", "--upstream")
    assert [line for line in found if "tracks.latest could not be asked for" in line]
    assert f"{NGINX}: 10 builds were not asked for after these failures" in found


def test_a_build_that_is_gone_only_in_the_index_is_found_out(index: Path) -> None:
    gone(index)
    assert problems(index, "--against", "HEAD") == []
    found = problems(index, "--against", "HEAD", "--upstream")
    assert len(found) == 1
    assert found[0].endswith(": gone is 2026-03-01T00:00:00Z, should not be there: upstream has it")
