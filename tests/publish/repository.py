"""git and the generator, as commands run in a clone."""

import subprocess
from pathlib import Path

from tests.command import Done, command

WHO = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.com")


def git(folder: Path, *arguments: str) -> str:
    command = ["git", *WHO, "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def cli(folder: Path, *arguments: str) -> Done:
    return command(*arguments, "--index", folder / "index")
