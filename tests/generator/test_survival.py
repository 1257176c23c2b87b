"""Whatever befalls a refresh, what was recorded stays, the index stays sound, and the next refresh completes it."""

import os
import re
import resource
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from generator.check import check
from tests.example import ROOT
from tests.generator.conftest import ALWAYS, QUICK, Expected, Index
from tests.upstream import Answer, ExampleUpstream, Fault, Hang, Mislabel
from tests.upstream.images import nginx as build

NEW = build("1.29.2-r0", "2026-02-20T10:00:05Z", ssl="3.5.2-r0")

# A refresh that is killed when it is about to put its n-th file in place.
DYING = """
import os, pathlib, signal, sys
left, replace = int(sys.argv.pop(1)), pathlib.Path.replace
def dying(path, target):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(path, target)
pathlib.Path.replace = dying
from generator.__main__ import main
main()
"""


def command(index: Index, *before: str, **options: object) -> subprocess.CompletedProcess[str]:
    """A refresh in a process of its own, with words before it."""
    index.write_images()
    words = [*before, sys.executable, "-m", "generator", "refresh", "--index", str(index.folder)]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload,no-any-return]


def problems(index: Index) -> list[str]:
    return [f"{each.file}: {each.what}" for each in check(index.folder) if not each.is_note]


def temporaries(index: Index) -> list[str]:
    return [path.name for path in index.folder.rglob(".*")]


def unique(index: Index) -> dict[str, str]:
    return {tag: digest for tag, digest in index.tags("nginx").items() if re.search(r"-\d{12}(\d\d)?$", tag)}


@pytest.mark.parametrize("number", range(1, 10))
def test_killed_at_any_file_it_leaves_what_the_next_refresh_completes(
    running: ExampleUpstream, number: int, expected: Expected, tmp_path: Path
) -> None:
    index = Index(running, tmp_path, ALWAYS)
    index.write_images()
    words = [sys.executable, "-c", DYING, str(number), "refresh", "--index", str(tmp_path)]
    assert subprocess.run(words, cwd=ROOT, check=False, capture_output=True).returncode == -9
    assert len(temporaries(index)) == 1
    assert all("refresh" in each for each in problems(index)), problems(index)
    assert index.refresh()["nginx"].errors == []
    assert index.content() == expected(running)
    assert temporaries(index) == []
    assert problems(index) == []


def test_a_build_that_is_on_its_way_when_a_refresh_is_killed_is_not_lost(nginx: Index) -> None:
    nginx.refresh()
    before = nginx.image("nginx")
    digest = nginx.upstream.push(NEW, "latest")
    for number in (1, 2, 2, 2):
        words = [sys.executable, "-c", DYING, str(number), "refresh", "--index", str(nginx.folder)]
        assert subprocess.run(words, cwd=ROOT, check=False, capture_output=True).returncode == -9
        assert nginx.image("nginx").builds[: len(before.builds)] == before.builds
        assert all("refresh" in each for each in problems(nginx)), problems(nginx)
    nginx.refresh()
    assert problems(nginx) == []
    assert nginx.tags("nginx")["1.29.2"] == digest
    assert b"1.29.2" in nginx.content()["nginx/README.md"]


def no_room() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))


def shut(folder: Path, mode: int) -> None:
    for path in (folder, *(each for each in folder.rglob("*") if each.is_dir())):
        path.chmod(mode)


NO_WRITING = {
    "no room": ((), no_room, "cannot be written: File too large"),
    "read-only": (
        # root could write all the same, were it not for this
        ("setpriv", "--bounding-set=-dac_override", "--inh-caps=-all"),
        None,
        "cannot be written: Permission denied",
    ),
}


@pytest.mark.parametrize("what", NO_WRITING)
def test_where_it_cannot_write_there_is_one_error_and_nothing_is_lost(nginx: Index, what: str) -> None:
    words, before_it, message = NO_WRITING[what]
    nginx.refresh()
    before = nginx.content()
    nginx.upstream.push(NEW, "latest")
    shut(nginx.folder, 0o555 if what == "read-only" else 0o755)
    done = command(nginx, *words, preexec_fn=before_it)
    shut(nginx.folder, 0o755)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert message in done.stderr
    assert nginx.content() == before
    assert problems(nginx) == []
    nginx.refresh()
    assert "1.29.2" in nginx.tags("nginx")


def test_an_index_that_cannot_be_written_need_not_be_where_nothing_is_new(nginx: Index) -> None:
    nginx.refresh()
    shut(nginx.folder, 0o555)
    done = command(nginx, *NO_WRITING["read-only"][0])
    shut(nginx.folder, 0o755)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_second_refresh_says_that_there_is_one_already(nginx: Index) -> None:
    nginx.upstream.inject(Fault(Hang(60), path="/manifests/"))
    nginx.write_images()
    words = [sys.executable, "-m", "generator", "refresh", "--index", str(nginx.folder)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL) as first:
        while not len(nginx.upstream.requests):
            assert first.poll() is None
            time.sleep(0.01)
        done = command(nginx)
        first.kill()
    assert done.returncode == 1
    assert done.stderr.endswith("another refresh is at work here; wait until it is done\n")
    assert command(nginx).returncode == 0, "the lock went with its holder"


def test_an_image_that_is_broken_for_good_costs_only_itself(
    running: ExampleUpstream, expected: Expected, tmp_path: Path
) -> None:
    index = Index(running, tmp_path, f'[images.python]\nsince = "always"\n{ALWAYS}', replace(QUICK, attempts=2))
    running.requests.clear()
    running.inject(Fault(Answer(503), path="python/manifests/sha256", times=None))
    outcomes = {outcome.image.name: outcome for outcome in index.run(jobs=2)}
    running.faults.clear()
    assert outcomes["nginx"].errors == []
    *failed, rest = outcomes["python"].errors
    assert len(failed) in (3, 4), "those under way at once, two at most, once three have failed"
    assert rest == f"{8 - len(failed)} more builds were not tried after these"
    assert running.requests.count("python/manifests/sha256") == 2 * len(failed)
    for path, data in expected(running).items():
        if path.startswith("nginx/"):
            assert index.content()[path] == data
    assert len(index.refresh()["python"].new) == 8
    assert problems(index) == []


CLOCKS = {
    "far ahead": "Fri, 01 Jan 2100 00:00:00 GMT",
    "at the end of time": "Fri, 31 Dec 9999 23:59:59 GMT",
    "far behind": "Thu, 01 Jan 1970 00:00:00 GMT",
    "before time": "Mon, 01 Jan 0001 00:00:00 GMT",
    "none": None,
}


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("history", [True, False])
def test_a_clock_that_is_wrong_moves_no_unique_tag(clock: str, history: bool, nginx: Index) -> None:
    """First with the wrong clock, then with the right one; `since` is left to be counted from the clock."""
    nginx.images = "[images.nginx]\n"
    nginx.upstream.options.history = history
    nginx.upstream.inject(Fault(Mislabel({"Date": CLOCKS[clock]}), times=None))
    assert nginx.refresh()["nginx"].errors == []
    first = unique(nginx)
    nginx.upstream.faults.clear()
    nginx.upstream.push(NEW, "latest")
    assert nginx.refresh()["nginx"].errors == []
    assert first.items() <= unique(nginx).items()
    assert nginx.tags("nginx")["1.29.2"] == NEW.digest
    assert problems(nginx) == []


def test_a_history_from_the_future_moves_no_unique_tag(nginx: Index) -> None:
    ahead = datetime.now(UTC) + timedelta(days=40_000)
    nginx.upstream.push(build("1.30.0-r0", "2026-03-01T00:00:00Z", ssl="3.5.2-r0"), "latest", at=ahead)
    nginx.refresh()
    first = unique(nginx)
    nginx.upstream.push(build("1.30.1-r0", "2026-03-02T00:00:00Z", ssl="3.5.2-r0"), "latest")
    nginx.upstream.push(NEW, "latest", at=ahead + timedelta(days=2))
    assert nginx.refresh()["nginx"].errors == []
    assert len(first) == 11
    assert first.items() < unique(nginx).items()
    assert problems(nginx) == []


def test_a_build_made_in_the_future_has_the_date_at_which_it_was_seen(nginx: Index) -> None:
    now = datetime.now(UTC)
    nginx.upstream.push(build("1.31.0-r0", "9999-12-31T23:00:00Z", ssl="3.5.2-r0"), "latest", at=now)
    nginx.refresh()
    assert nginx.tags("nginx")[f"1.31.0-r0-{now:%Y%m%d%H%M}"] == nginx.tags("nginx")["1.31.0"]
    assert problems(nginx) == []


@pytest.mark.parametrize("mask", [0o077, 0o022, 0o000])
def test_a_server_of_another_user_can_read_what_was_written(nginx: Index, mask: int) -> None:
    before = os.umask(mask)
    try:
        nginx.refresh()
    finally:
        os.umask(before)
    written = [path for path in nginx.folder.rglob("*") if path.is_file() and path.name != "images.toml"]
    assert {path.suffix for path in written} >= {".json", ".md"}
    documents = [path for path in written if path.suffix in (".json", ".md")]
    assert {path.stat().st_mode & 0o777 for path in documents} == {0o644}
