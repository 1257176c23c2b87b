"""The command line as a shell runs it, to its last line and exit code, without starting another Python each time."""

import os
import signal
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from unittest.mock import patch

from generator.__main__ import main

EVERY_COMMAND = (
    "from generator.cli import Commands; [each.load() for own in Commands.sections.values() for each in own]"
)
"""A program that imports all that any of them needs."""


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def command(*words: object, **environment: str) -> Done:
    """`environment` is added to this process's own."""
    stdout, stderr = StringIO(), StringIO()
    ending = signal.getsignal(signal.SIGTERM)
    try:
        with (
            patch.object(sys, "argv", ["reverse-registry", *map(str, words)]),
            patch.dict(os.environ, environment),
            redirect_stdout(stdout),
            redirect_stderr(stderr),
        ):
            try:
                main()
                code = 0
            except SystemExit as error:
                code = error.code if isinstance(error.code, int) else int(error.code is not None)
    finally:
        signal.signal(signal.SIGTERM, ending)
    return Done(code, stdout.getvalue(), stderr.getvalue())
