"""`index/` belongs to whoever runs the schedule: whatever it holds, the tests are green.

The suite was run in such a checkout as a whole; here it is the part of it that has to do with indexes. What this
repository's own schedule has committed by now is left behind: it is of other upstreams.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.example import ROOT
from tests.publish.repository import cli, git
from tests.upstream import ExampleUpstream

PART = ("tests/test_layout.py", "tests/generator/test_schema.py", "tests/workflows/test_workflows.py")


@pytest.mark.timeout(600)
def test_the_tests_are_green_whatever_the_schedule_has_committed(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    for name in git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "-z").strip("\0").split("\0"):
        if (ROOT / name).is_file() and not name.startswith("index/"):
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, checkout / name)
    with ExampleUpstream() as upstream:
        images = '[images.nginx]\nsince = "always"\n[images."team/db"]\nrepository = "HOST/chainguard/postgres"\n'
        text = f'upstream = "HOST/chainguard"\n{images}'.replace("HOST", upstream.host)
        (checkout / "index").mkdir()
        (checkout / "index" / "images.toml").write_text(text)
        assert cli(checkout, "refresh").returncode == 0
    git(checkout, "init", "--quiet", "--initial-branch=main")
    assert cli(checkout, "publish", "--no-push").returncode == 0
    assert cli(checkout, "check", "--against", "HEAD").returncode == 0
    words = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", *PART)
    done = subprocess.run(words, cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
