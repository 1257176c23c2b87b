"""A repository with an index, as GitHub holds it, and runs of its workflow in fresh checkouts."""

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.example import ROOT
from tests.publish.repository import git
from tests.upstream import ExampleUpstream
from tests.workflows.job import Job, Step

# Whoever checks out for a job in a container is not who runs its steps.
SOMEBODY_ELSE = 1001


@dataclass
class Origin:
    """A bare repository. `workflow` is the scheduled one, `project` the version of this project that it uses."""

    folder: Path
    upstream: ExampleUpstream
    workflow: Mapping[str, Any]
    project: Path = ROOT
    variables: dict[str, str] = field(default_factory=dict)
    hour: str = "12"

    @property
    def bare(self) -> Path:
        return self.folder / "origin.git"

    def create(self, images: str) -> None:
        self.init()
        checkout = self.checkout("first")
        (checkout / "index").mkdir()
        (checkout / "index" / "images.toml").write_text(f'upstream = "{self.upstream.host}/chainguard"\n{images}')
        self.push(checkout, "images.toml")

    def init(self) -> None:
        git(self.folder, "init", "--quiet", "--bare", "--initial-branch=main", str(self.bare))

    def checkout(self, name: str) -> Path:
        """As actions/checkout leaves it: one commit deep."""
        git(self.folder, "clone", "--quiet", "--depth=1", f"file://{self.bare}", str(self.folder / name))
        return self.folder / name

    def push(self, checkout: Path, subject: str) -> None:
        git(checkout, "add", "--all")
        git(checkout, "commit", "--quiet", "--message", subject)
        git(checkout, "push", "--quiet", "origin", "HEAD:main")

    @property
    def subjects(self) -> list[str]:
        return git(self.bare, "log", "--format=%s", "main").splitlines()

    def file(self, path: str) -> str:
        return git(self.bare, "show", f"main:{path}")

    def run(
        self,
        name: str,
        meanwhile: Mapping[str, Callable[[], object]] | None = None,
        interrupt: Mapping[str, Callable[[subprocess.Popen[str]], object]] | None = None,
    ) -> dict[str, Step]:
        checkout = self.checkout(name)
        if os.geteuid() == 0:
            for path in (checkout, *checkout.rglob("*")):
                os.chown(path, SOMEBODY_ELSE, SOMEBODY_ELSE, follow_symlinks=False)
        return self._job(name, meanwhile or {}, interrupt or {}).run()

    def pip_log(self, name: str) -> str:
        return self._job(name).pip_log.read_text()

    def _job(
        self,
        name: str,
        meanwhile: Mapping[str, Callable[[], object]] | None = None,
        interrupt: Mapping[str, Callable[[subprocess.Popen[str]], object]] | None = None,
    ) -> Job:
        steps = self.workflow["jobs"]["refresh"]["steps"]
        return Job(steps, self.folder / name, self.project, self.variables, meanwhile or {}, interrupt or {}, self.hour)
