"""A refresh from end to end: what it writes, what it costs, and what it leaves alone."""

import contextlib
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from generator.errors import BrokenIndexError, StorageError
from generator.refresh import Outcome
from tests.command import Done
from tests.command import command as run
from tests.generator.conftest import Index
from tests.upstream import Build, ExampleUpstream, Package
from tests.upstream.images import NGINX, NGINX_REBUILT, nginx

NEW = nginx("1.29.2-r0", "2026-02-20T10:00:05Z", ssl="3.5.2-r0")
BACK = NGINX[4].build


def small(version: str, created: str, image: str = "small") -> Build:
    return Build(image, version, datetime.fromisoformat(created), (Package(image, version),))


def command(index: Index, *arguments: str) -> Done:
    index.write_images()
    return run("refresh", *arguments, "--index", index.folder)


def test_first_run_records_every_build_of_the_history(nginx: Index) -> None:
    outcome = nginx.refresh()["nginx"]
    assert (len(outcome.new), outcome.gone, outcome.notes, outcome.errors) == (10, 0, [], [])
    assert nginx.versions("nginx") == ["1.27.3-r0", "1.27.4-r0", "1.27.4-r2", "1.27.4-r2", "1.28.0-r0", "1.29.1-r0"]
    assert nginx.versions("nginx", "latest-dev") == ["1.27.4-r0", "1.27.4-r2", "1.28.0-r0", "1.29.1-r0"]
    newest = nginx.builds("nginx")[-1]
    assert newest.digest == nginx.tags("nginx")["1.29.1-r0-202602181756"] == NGINX[6].build.digest
    assert newest.purl == "pkg:apk/wolfi/nginx@1.29.1-r0"
    assert newest.created == datetime(2026, 2, 18, 17, 56, 9, tzinfo=UTC)
    assert newest.seen == datetime(2026, 2, 18, 18, 10, 41, 700000, tzinfo=UTC)
    assert newest.size == len(NGINX[6].build.index.data)
    assert list(newest.platforms) == ["linux/amd64", "linux/arm64"]
    assert newest.sbom
    assert (newest.sbom.kind, newest.sbom.format) == ("cosign-attestation", "spdx")
    written = {"README.md", "index.json", "schema.json"}
    written |= {"nginx/README.md", "nginx/index.json", "nginx/packages.json"}
    assert written <= nginx.content().keys()


def test_second_run_changes_no_byte_and_costs_one_head_a_track_and_one_token(
    upstream: ExampleUpstream, tmp_path: Path
) -> None:
    index = Index(upstream, tmp_path, '[images.nginx]\n[images.python]\nsince = "now"\n')
    index.refresh()
    before = index.content()
    upstream.requests.clear()
    outcomes = index.refresh()
    assert [outcome.new for outcome in outcomes.values()] == [[], []]
    assert index.content() == before
    assert sorted(request.target for request in upstream.requests) == [
        "GET /token",
        "GET /token",
        "HEAD /v2/chainguard/nginx/manifests/latest",
        "HEAD /v2/chainguard/nginx/manifests/latest-dev",
        "HEAD /v2/chainguard/python/manifests/latest",
        "HEAD /v2/chainguard/python/manifests/latest-dev",
    ]


def test_files_that_do_not_change_are_not_written_again(nginx: Index) -> None:
    nginx.refresh()
    before = {path: path.stat().st_mtime_ns for path in nginx.folder.rglob("*.json")}
    nginx.refresh()
    assert {path: path.stat().st_mtime_ns for path in nginx.folder.rglob("*.json")} == before


def test_a_new_build_appears_and_moves_the_lines(nginx: Index) -> None:
    nginx.refresh()
    before = nginx.tags("nginx")
    digest = nginx.upstream.push(NEW, "latest")
    outcome = nginx.refresh()["nginx"]
    assert [build.digest for build in outcome.new] == [digest]
    after = nginx.tags("nginx")
    added = {"1.29.2-r0-202602201000", "1.29.2-r0", "1.29.2"}
    assert after.keys() - before.keys() == added
    assert {tag for tag in before if after[tag] != before[tag]} == {"1.29", "1"}
    assert {after[tag] for tag in (*added, "1.29", "1")} == {digest}


def test_one_new_build_costs_few_requests(nginx: Index) -> None:
    nginx.refresh()
    nginx.upstream.push(NEW, "latest")
    nginx.upstream.requests.clear()
    nginx.refresh()
    requests = nginx.upstream.requests
    assert requests.count("HEAD") == 2
    assert requests.count("/token") == 1
    assert requests.count("/history/") == 1
    assert requests.count("GET .*/manifests/") == 3, "the index, one platform, its attestations"
    assert requests.count(side="cdn") == 2, "the SBOM, and the config for its label"
    assert len(requests) == 11


def test_a_roll_back_moves_no_version_tag(nginx: Index) -> None:
    nginx.refresh()
    before = nginx.image("nginx")
    nginx.upstream.point("nginx", "latest", BACK.digest)
    assert nginx.refresh()["nginx"].new == []
    after = nginx.image("nginx")
    assert (after.tags, after.builds) == (before.tags, before.builds)
    assert after.tracks["latest"].digest == BACK.digest
    assert after.tracks["latest"].since == before.tracks["latest"].since


def test_a_build_before_a_roll_back_that_nobody_saw_is_learned_with_the_next_move(nginx: Index) -> None:
    nginx.refresh()
    unseen = nginx.upstream.push(NEW, "latest")
    nginx.upstream.point("nginx", "latest", NGINX[6].build.digest, at=NEW.published + timedelta(hours=1))
    assert nginx.refresh()["nginx"].new == []
    newest = nginx.upstream.push(small("1.29.3-r0", "2026-02-21T10:00:00Z", "nginx"), "latest")
    assert [build.digest for build in nginx.refresh()["nginx"].new] == [unseen, newest]


def test_a_rebuild_of_one_version_keeps_both_unique_tags(nginx: Index) -> None:
    nginx.refresh()
    tags = nginx.tags("nginx")
    first, second = NGINX[2].build, NGINX_REBUILT
    assert tags["1.27.4-r2-202502200136"] == first.digest
    assert tags["1.27.4-r2-202503040140"] == tags["1.27.4-r2"] == tags["1.27.4"] == tags["1.27"] == second.digest


def test_a_missing_track_is_a_note(upstream: ExampleUpstream, tmp_path: Path) -> None:
    index = Index(upstream, tmp_path, '[images.postgres]\nsince = "always"\n')
    outcome = index.refresh()["postgres"]
    assert outcome.errors == []
    assert outcome.notes == [f"{upstream.repository('postgres')} has no tag latest-dev"]
    assert index.versions("postgres") == ["16.6-r0", "17.2-r0", "17.4-r1"]


def test_a_track_that_vanishes_keeps_its_tags(nginx: Index) -> None:
    nginx.refresh()
    before = nginx.content()
    del nginx.upstream.store("nginx").tags["latest-dev"]
    outcome = nginx.refresh()["nginx"]
    assert (outcome.errors, len(outcome.notes)) == ([], 1)
    assert nginx.content() == before


def test_an_unknown_repository_fails_only_itself(upstream: ExampleUpstream, tmp_path: Path) -> None:
    index = Index(upstream, tmp_path, '[images.nowhere]\n[images.nginx]\nsince = "now"\n')
    done = command(index)
    assert done.returncode == 1
    assert "nowhere: failed: " in done.stdout
    assert "has no tag latest or latest-dev" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert index.versions("nginx") == ["1.29.1-r0"]
    assert "nginx/README.md" in index.content()


@pytest.mark.parametrize("file", ["index.json", "packages.json"])
def test_an_image_whose_files_are_broken_fails_only_itself(nginx: Index, file: str) -> None:
    nginx.refresh()
    nginx.images += '[images.python]\nsince = "now"\n'
    (nginx.folder / "nginx" / file).write_text("[]")
    recorded = nginx.content()
    nginx.upstream.push(NEW, "latest")
    outcomes: list[Outcome] = []
    with contextlib.suppress(BrokenIndexError):
        outcomes.extend(nginx.run())
    errors = {outcome.image.name: outcome.errors for outcome in outcomes}
    assert (len(errors["nginx"]), errors["python"]) == (1, [])
    assert re.search(f"nginx/{file}.*restore it from git", errors["nginx"][0])
    assert nginx.content()[f"nginx/{file}"] == recorded[f"nginx/{file}"]
    assert nginx.versions("python") == ["3.13.2-r0"]
    assert b"python/README.md" in nginx.content()["README.md"]


def test_a_frozen_image_makes_no_request_and_is_still_served(nginx: Index) -> None:
    nginx.refresh()
    tags = nginx.tags("nginx")
    nginx.images += "frozen = true\n"
    nginx.upstream.requests.clear()
    assert nginx.refresh() == {}
    assert len(nginx.upstream.requests) == 0
    assert nginx.tags("nginx") == tags
    catalogue = nginx.store.catalogue()
    assert catalogue
    assert catalogue.images["nginx"].frozen


def test_a_dry_run_writes_nothing(nginx: Index) -> None:
    outcome = nginx.refresh(write=False)["nginx"]
    assert len(outcome.new) == 10
    assert nginx.content() == {}
    done = command(nginx, "--dry-run")
    assert (done.returncode, nginx.content()) == (0, {})
    assert "10 new builds" in done.stdout


def test_only_the_images_named_are_refreshed(upstream: ExampleUpstream, tmp_path: Path) -> None:
    index = Index(upstream, tmp_path, '[images.nginx]\nsince = "now"\n[images.python]\nsince = "now"\n')
    assert list(index.refresh("python", "python")) == ["python"]
    assert index.store.image("nginx") is None
    assert upstream.requests.count("chainguard/nginx") == 0
    done = command(index, "pyton")
    assert done.returncode == 2
    assert "pyton is not in images.toml" in done.stderr
    assert done.stderr.count("\n") == 1


def test_every_new_build_is_told_of_though_some_were_saved_on_the_way(
    upstream: ExampleUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generator.refresh.schedule._CHECKPOINT", 3)
    index = Index(upstream, tmp_path, '[images.nginx]\nsince = "always"\n')
    assert len(index.refresh()["nginx"].new) == 10


def test_a_mistake_in_images_toml_is_one_line_and_nothing_is_written(nginx: Index) -> None:
    nginx.images = "[images.nginx]\ntrack = ['latest']\n"
    done = command(nginx)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        f"reverse-registry: {nginx.folder}/images.toml: [images.nginx]: unknown key 'track' (did you mean tracks?); "
        "allowed: repository, package, "
    )
    assert done.stderr.count("\n") == 1
    assert nginx.content() == {}
    assert len(nginx.upstream.requests) == 0


def test_no_images_toml_is_one_line(tmp_path: Path) -> None:
    done = run("refresh", "--index", tmp_path / "nowhere")
    assert done.returncode == 2
    assert "there is no such file" in done.stderr
    assert done.stderr.count("\n") == 1


def test_two_refreshes_do_not_write_at_once(nginx: Index) -> None:
    nginx.folder.mkdir()
    with nginx.store.lock(), pytest.raises(StorageError, match="another refresh"), nginx.store.lock():
        pass


def test_an_image_recorded_from_another_repository_is_left_alone(nginx: Index) -> None:
    nginx.refresh()
    before = nginx.content()["nginx/index.json"]
    nginx.images += f'repository = "{nginx.upstream.repository("python")}"\n'
    assert "was recorded from" in nginx.refresh()["nginx"].errors[0]
    assert nginx.content()["nginx/index.json"] == before


def test_an_image_may_live_elsewhere_and_have_a_longer_name(upstream: ExampleUpstream, tmp_path: Path) -> None:
    images = f'[images."team/web"]\nrepository = "{upstream.repository("nginx")}"\nsince = "now"\n'
    index = Index(upstream, tmp_path, images)
    assert index.refresh()["team/web"].errors == []
    assert index.versions("team/web") == ["1.29.1-r0"]


def test_a_build_without_an_sbom_is_recorded_and_asked_for_again(upstream: ExampleUpstream, tmp_path: Path) -> None:
    build = small("1.0-r0", "2026-01-01T00:00:00Z")
    digest = upstream.push(build, "latest")
    tags = upstream.store("small").tags
    withheld = {tag: tags.pop(tag) for tag in build.attestations}
    index = Index(upstream, tmp_path, '[images.small]\nsince = "always"\ntracks = ["latest"]\n')
    outcome = index.refresh()["small"]
    assert outcome.notes == [f"{digest} (latest): version unknown: no SBOM is attached"]
    assert outcome.errors == []
    assert (index.versions("small"), index.packages("small")) == ([None], {})
    assert index.tags("small") == {"latest-202601010000": digest}
    seen = index.builds("small")[0].seen

    before = index.content()
    assert index.refresh()["small"].new == []
    assert index.content() == before

    tags.update(withheld)
    index.refresh()
    of_version = {"1.0-r0-202601010000", "1.0-r0", "1.0", "1"}
    assert index.tags("small").keys() == {*of_version, "latest-202601010000"}
    assert index.builds("small")[0].seen == seen


def test_a_realm_that_is_stated_with_the_scope_asked_for_is_one_for_the_whole_registry(
    upstream: ExampleUpstream, tmp_path: Path
) -> None:
    """nvcr.io. A server refuses an index in which a registry has two."""
    upstream.options.realm_scope = True
    index = Index(upstream, tmp_path, '[images.nginx]\nsince = "now"\n[images.python]\nsince = "now"\n')
    index.refresh()
    recorded = {json.loads(index.content()[f"{name}/index.json"])["auth"]["realm"] for name in ("nginx", "python")}
    assert recorded == {f"{upstream.url}/token"}
    upstream.requests.clear()
    index.refresh()
    assert upstream.requests.count(status=401) == 0
