"""This project's own scheduled workflow, with the steps of its action as they stand: twice, in a race, and stopped."""

import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.generator.test_interrupt import until_quiet
from tests.publish.repository import git
from tests.upstream import Answer, Build, ExampleUpstream, Fault, Hang, Package
from tests.upstream.images import NGINX
from tests.workflows.job import Step
from tests.workflows.origin import Origin
from tests.workflows.workflow import workflow

REFRESH, PUBLISH = "Refresh", "Check and publish"
NGINX_ONLY = '[images.nginx]\nsince = "always"\n'
TWO = f'{NGINX_ONLY}[images.python]\nsince = "always"\n'
NEW = Build("nginx", "1.29.2-r0", datetime(2026, 3, 1, tzinfo=UTC), (Package("nginx", "1.29.2-r0"),))
LATER = Build("nginx", "1.29.3-r0", datetime(2026, 3, 2, tzinfo=UTC), (Package("nginx", "1.29.3-r0"),))


@pytest.fixture
def upstream() -> Iterator[ExampleUpstream]:
    with ExampleUpstream() as running:
        yield running


@pytest.fixture
def origin(tmp_path: Path, upstream: ExampleUpstream) -> Origin:
    return Origin(tmp_path, upstream, workflow("refresh.yml"))


def codes(done: Mapping[str, Step]) -> dict[str, int]:
    return {name: step.code for name, step in done.items()}


GREEN = {"Install": 0, REFRESH: 0, "Ask what is still there": 0, PUBLISH: 0}


def test_the_first_run_commits_and_the_second_has_nothing_to(origin: Origin) -> None:
    origin.create(TWO)
    done = origin.run("one")
    assert codes(done) == GREEN
    assert origin.subjects == [
        "nginx 1.29.1-r0, nginx 1.28.0-r0, nginx 1.27.4-r2 and 7 more versions",
        "images.toml",
    ]
    assert '"1.27.4":"sha256:' in origin.file("index/nginx/index.json").replace(" ", "")
    assert "### 18 new builds in 2 images, 0 unchanged" in done[REFRESH].summary.replace("\\", "")
    assert "| `nginx` | 10 | `1.29.1-r0`, `1.28.0-r0`, `1.27.4-r2`, `1.27.4-r0`, `1.27.3-r0` |" in done[REFRESH].summary
    assert "Pushed: `nginx 1.29.1-r0, " in done[PUBLISH].summary
    assert "::error::" not in done[REFRESH].log + done[PUBLISH].log
    locked, project = origin.pip_log("one").splitlines()
    assert "--require-hashes" in locked
    assert "requirements/generator.txt" in locked
    assert "--no-deps --no-build-isolation" in project
    again = origin.run("two")
    assert codes(again) == GREEN
    assert len(origin.subjects) == 2
    assert (again[PUBLISH].log.splitlines()[-1], again[PUBLISH].summary) == ("index: nothing has changed", "")
    assert "### 0 new builds in 0 images, 2 unchanged" in again[REFRESH].summary.replace("\\", "")


def test_a_push_in_between_is_rebased_over(origin: Origin) -> None:
    origin.create(NGINX_ONLY)

    def push() -> None:
        other = origin.checkout("other")
        (other / "README.md").write_text("meanwhile\n")
        origin.push(other, "meanwhile")

    done = origin.run("one", meanwhile={PUBLISH: push})
    assert codes(done) == GREEN
    assert origin.subjects[1:] == ["meanwhile", "images.toml"]
    assert origin.subjects[0].startswith("nginx 1.29.1-r0")


def test_a_tag_that_upstream_rolled_back_is_confirmed_by_upstream_and_published(origin: Origin) -> None:
    """As it stands in the index it might as well be somebody's who wants an old build served."""
    origin.create(NGINX_ONLY)
    origin.run("one")
    older = NGINX[4].build.digest
    origin.upstream.point("nginx", "latest", older)
    done = origin.run("two")
    assert codes(done) == GREEN, done[PUBLISH].log
    assert f'"latest": {{"digest":"{older}"' in origin.file("index/nginx/index.json")
    assert "::error::" not in done[PUBLISH].log


def test_one_failing_image_leaves_the_others_committed_and_the_step_red(origin: Origin) -> None:
    origin.create(f"{NGINX_ONLY}[images.missing]\n")
    done = origin.run("one")
    assert codes(done) == GREEN | {REFRESH: 1}
    assert origin.subjects[0].startswith("nginx 1.29.1-r0")
    reason = f"{origin.upstream.host}/chainguard/missing: has no tag latest or latest-dev"
    assert f"::error::missing: failed: {reason}\n" in done[REFRESH].log
    assert f"| needs a hand | why |\n|---|---|\n| `missing` | `{reason}` |\n" in done[REFRESH].summary
    assert "1 failed (missing)" in done[REFRESH].summary.replace("\\", "")


def test_what_check_finds_is_not_published_and_the_step_is_red(origin: Origin) -> None:
    origin.create(NGINX_ONLY)
    origin.run("one")

    def lose() -> None:
        checkout = origin.folder / "two"
        shutil.rmtree(checkout / "index" / "nginx")

    done = origin.run("two", meanwhile={PUBLISH: lose})
    assert codes(done) == GREEN | {PUBLISH: 1}
    assert (
        "::error::index/nginx/index.json: is gone, should be there with its 10 builds; restore it from git\n"
        in done[PUBLISH].log
    )
    assert len(origin.subjects) == 2


def test_wrong_configuration_is_red_and_publishes_nothing(origin: Origin) -> None:
    origin.create("[images.nginx]\ntracks = 1\n")
    done = origin.run("one")
    assert codes(done) == GREEN | {REFRESH: 2, PUBLISH: 1}
    assert done[REFRESH].log.startswith("::error::reverse-registry: index/images.toml: [images.nginx] tracks: ")
    assert origin.subjects == ["images.toml"]


def test_a_run_out_of_time_is_red_and_keeps_what_it_learned(origin: Origin) -> None:
    origin.create(NGINX_ONLY)
    hung = NGINX[0].build.digest
    origin.upstream.inject(Fault(Hang(60), path=f"/manifests/{hung}"))

    def time_out(process: subprocess.Popen[str]) -> None:
        until_quiet(origin.upstream, process)
        process.send_signal(signal.SIGINT)  # as the runner does first

    done = origin.run("one", interrupt={REFRESH: time_out})
    assert codes(done) == GREEN | {REFRESH: 130}
    recorded = origin.file("index/nginx/index.json")
    assert hung not in recorded
    assert recorded.count('"mediaType"') == 9
    assert codes(origin.run("two")) == GREEN
    assert hung in origin.file("index/nginx/index.json")


def test_of_two_that_cannot_be_merged_one_is_red_and_the_next_run_has_all(origin: Origin) -> None:
    origin.create(NGINX_ONLY)
    origin.run("one")
    origin.upstream.push(NEW, "latest")

    def race() -> None:
        origin.upstream.push(LATER, "latest")
        assert codes(origin.run("other")) == GREEN

    done = origin.run("two", meanwhile={PUBLISH: race})
    assert codes(done) == GREEN | {PUBLISH: 1}
    assert "::error::reverse-registry: index: somebody else has pushed changes of the same lines" in done[PUBLISH].log
    assert not (origin.folder / "two" / ".git" / "rebase-merge").exists()
    assert NEW.digest in (origin.folder / "two" / "index" / "nginx" / "index.json").read_text()
    assert codes(origin.run("three")) == GREEN
    recorded = origin.file("index/nginx/index.json")
    assert NEW.digest in recorded
    assert LATER.digest in recorded


def test_where_pages_are_wanted_the_site_is_written_and_not_committed(origin: Origin) -> None:
    origin.create(NGINX_ONLY)
    origin.variables["PAGES"] = "true"
    done = origin.run("one")
    assert codes(done) == GREEN | {"Write the site": 0}
    assert "1.27.4" in (origin.folder / "one/_site/nginx/index.html").read_text()
    assert "_site" not in git(origin.bare, "ls-tree", "--name-only", "main")


def test_an_image_that_is_gone_upstream_is_red_once_and_a_note_from_then_on(origin: Origin) -> None:
    origin.create(f"{NGINX_ONLY}[images.missing]\n")
    assert codes(origin.run("one")) == GREEN | {REFRESH: 1}
    later = origin.run("two")
    assert codes(later) == GREEN
    assert "still not upstream" in later[REFRESH].summary
    assert "::error::" not in later[REFRESH].log
    commits = len(origin.subjects)
    assert codes(origin.run("three")) == GREEN
    assert len(origin.subjects) == commits
    origin.upstream.push(Build("missing", "1.0-r0", NEW.created, (Package("missing", "1.0-r0"),)), "latest")
    assert codes(origin.run("four")) == GREEN
    assert "absent" not in origin.file("index/refreshed.json")


def test_the_upstreams_faults_are_told_apart_from_what_needs_a_hand(origin: Origin) -> None:
    origin.create(f"{NGINX_ONLY}[images.missing]\n")
    origin.upstream.inject(Fault(Answer(503), path="chainguard/nginx/manifests", times=None))
    summary = origin.run("one")[REFRESH].summary
    hand, _, fault = summary.partition("| the upstream's fault, tried again by the next refresh | why |")
    assert "| needs a hand | why |\n|---|---|\n| `missing` |" in hand
    assert "`nginx`" in fault
    assert "503" in fault


def test_once_a_day_it_asks_what_is_still_there(origin: Origin) -> None:
    origin.create(NGINX_ONLY)
    origin.run("one")
    origin.hour = "04"
    origin.upstream.forget("nginx", NGINX[1].build.digest)
    done = origin.run("two")
    assert codes(done) == GREEN
    assert "10 builds asked for, 0 gone" in done["Ask what is still there"].log
    assert NGINX[1].build.digest in origin.file("index/checked.json")
