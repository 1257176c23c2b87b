"""Programs that are not ours: found or skipped by name, and called."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ALL_CLIENTS = "REVERSE_REGISTRY_ALL_CLIENTS"

Word = str | Path


def need(*programs: str) -> None:
    """Skips where a program is not installed, by name; under `.ci/run` that is a failure."""
    for program in programs:
        if shutil.which(program) is None:
            missing(f"{program} is not installed")


def missing(reason: str) -> None:
    if os.environ.get(ALL_CLIENTS):
        pytest.fail(f"{reason}, and {ALL_CLIENTS} is set")
    pytest.skip(reason)


@dataclass(frozen=True)
class Program:
    """`words` begin each call and `environment` is added to that of each call."""

    words: tuple[Word, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: Word, text: str | None = None) -> str:
        """What a call prints, given `text` to read; where it fails, what it wrote of that is in the failure."""
        done = self._run(arguments, text)
        assert done.returncode == 0, f"{done.args}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def json(self, *arguments: Word) -> Any:
        return json.loads(self(*arguments))

    def refused(self, *arguments: Word, text: str | None = None) -> str:
        """What a call that has to fail writes of that."""
        done = self._run(arguments, text)
        assert done.returncode != 0, f"{done.args} succeeded:\n{done.stdout}"
        return done.stdout + done.stderr

    def succeeds(self, *arguments: Word) -> bool:
        return self._run(arguments, None).returncode == 0

    def _run(self, arguments: tuple[Word, ...], text: str | None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(word) for word in (*self.words, *arguments)],
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
            env={**os.environ, **self.environment},
        )
