"""git, as a command run in a folder."""

import os
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from generator.document import printable
from generator.errors import ConfigurationError, StorageError

# Nobody may be there to be asked for a password, and what git says is read here.
_UNATTENDED = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


class GitError(StorageError):
    """git refused; `said` is what it had to say, on one line, and `output` what it printed for programs."""

    def __init__(self, folder: Path, command: str, said: str, output: str = "") -> None:
        super().__init__(f"{folder}: git {command} failed: {said}")
        self.said = said
        self.output = output


def git(folder: Path, command: str, *arguments: str, options: Iterable[str] = (), text: str = "") -> str:
    """What git prints; bytes that are not UTF-8 as surrogate escapes. `options` go before the command, `text` to it.

    Raises `GitError`, and `ConfigurationError` where there is no git.
    """
    words = ["git", "-C", str(folder), *options, command, *arguments]
    try:
        done = subprocess.run(words, capture_output=True, check=True, input=text.encode(), env=os.environ | _UNATTENDED)  # noqa: S603
    except FileNotFoundError:
        raise ConfigurationError("git is not installed, and this needs it") from None
    except OSError as error:
        raise GitError(folder, command, str(error.strerror)) from None
    except subprocess.CalledProcessError as error:
        said = (error.stderr.strip() or error.stdout.strip()).decode(errors="replace").removeprefix("fatal: ")
        raise GitError(folder, command, printable(said, 500), error.stdout.decode(errors="replace")) from None
    return done.stdout.decode(errors="surrogateescape")


def contents(folder: Path, objects: Iterable[str]) -> Iterator[bytes]:
    """The contents of objects, in their order. One is read at a time, all by one process."""
    words = ["git", "-C", str(folder), "cat-file", "--batch"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603
        assert process.stdin  # noqa: S101
        assert process.stdout  # noqa: S101
        for name in objects:
            process.stdin.write(f"{name}\n".encode())
            process.stdin.flush()
            *_, size = process.stdout.readline().split()
            yield process.stdout.read(int(size) + 1)[:-1]
