"""git and the generator, as commands run in a clone."""

import subprocess
import sys
from pathlib import Path

from tests.example import ROOT

WHO = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.com")


def git(folder: Path, *arguments: str) -> str:
    command = ["git", *WHO, "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def cli(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "generator", *arguments, "--index", str(folder / "index")]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
