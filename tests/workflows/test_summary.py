"""The summary of a job: whole where it fits, and never more than GitHub takes."""

import os
import subprocess
import sys
from pathlib import Path

from generator.cli.summary import headline, summary
from generator.images import Image, Images
from generator.reference import Repository
from generator.refresh import Outcome
from tests.example import ROOT
from tests.publish.test_publish import build
from tests.upstream import ExampleUpstream

UPSTREAM = Repository.parse("cgr.dev/chainguard")
LARGEST = 1024 * 1024  # GitHub's documentation: of each step


def outcome(name: str, **found: list[str]) -> Outcome:
    return Outcome(Image(name, UPSTREAM.child(name)), **found)  # type: ignore[arg-type]


def test_tells_what_is_new_what_failed_and_what_there_is_to_say() -> None:
    new = outcome("nginx", notes=["cgr.dev/chainguard/nginx has no tag latest-dev"])
    new.new = [build("1.27.4-r1", "a"), build("1.27.4-r2", "b"), build("1.27.4-r2", "c"), build(None, "d")]
    outcomes = [outcome("zlib", errors=["one", "two"]), new, outcome("bash")]
    line = headline(outcomes, Images(UPSTREAM, {}), dry_run=False)
    assert line == "4 new builds in 1 image, 1 unchanged, 1 failed (zlib)"
    assert summary(line, outcomes) == (
        "### 4 new builds in 1 image, 1 unchanged, 1 failed \\(zlib\\)\n\n"
        "| image | new builds | versions |\n|---|---:|---|\n"
        "| `nginx` | 4 | `of unknown version`, `1.27.4-r2`, `1.27.4-r1` |\n\n"
        "| needs a hand | why |\n|---|---|\n| `zlib` | `one` |\n| `zlib` | `two` |\n\n"
        "<details><summary>1 note</summary>\n\n"
        "- `nginx`: `cgr.dev/chainguard/nginx has no tag latest-dev`\n\n</details>\n\n"
    )


def test_is_bounded_whatever_happened() -> None:
    long = "|" * 5000
    outcomes = [outcome(f"image{number:04}", errors=[long] * 3, notes=[long] * 3) for number in range(1000)]
    text = summary("x", outcomes)
    assert len(text.encode()) < LARGEST
    assert "And 2800 more failures, in the log." in text


def test_is_also_there_where_the_run_as_a_whole_fails(tmp_path: Path) -> None:
    with ExampleUpstream() as upstream:
        (tmp_path / "broken").mkdir()
        (tmp_path / "broken" / "index.json").write_text("{")
        (tmp_path / "broken" / "packages.json").write_text("{")
        images = f'upstream = "{upstream.host}/chainguard"\n[images.nginx]\n[images.broken]\n'
        (tmp_path / "images.toml").write_text(images)
        told = tmp_path / "summary.md"
        command = [sys.executable, "-m", "generator", "refresh", "--index", str(tmp_path)]
        environment = os.environ | {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(told)}
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert done.returncode == 1
    assert "::error::reverse-registry: " in done.stderr
    assert "| `broken` | " in told.read_text()
    assert "| `nginx` | " in told.read_text()
