"""The clients of a registry, each as something that can pull."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import oras.client

from tests.clients.program import Program, Word


class Client(Protocol):
    """`plain` are the options with which it pulls over plain HTTP, without TLS."""

    plain: ClassVar[tuple[str, ...]]

    def pull(self, reference: str, *options: str) -> None:
        """Pulls `host/name:tag`, for linux/amd64."""


@dataclass(frozen=True)
class Skopeo(Program):
    words: tuple[Word, ...] = ("skopeo",)
    folder: Path = Path()

    plain: ClassVar = ("--src-tls-verify=false",)

    def pull(self, reference: str, *options: str) -> None:
        self("copy", "--override-arch=amd64", *options, f"docker://{reference}", f"dir:{self.folder}/pulled")


@dataclass(frozen=True)
class Podman(Program):
    """podman or buildah, in a storage of its own."""

    plain: ClassVar = ("--tls-verify=false",)

    @classmethod
    def of(cls, name: str, folder: Path) -> "Podman":
        """`folder` has to be a short path: podman takes none of over 50 characters for `--runroot`."""
        return cls((name, f"--root={folder}/root", f"--runroot={folder}/run", "--storage-driver=vfs"))

    def pull(self, reference: str, *options: str) -> None:
        self("pull", "--quiet", "--arch=amd64", *options, reference)


@dataclass(frozen=True)
class Docker(Program):
    """docker speaks plain HTTP to `localhost` without being told."""

    plain: ClassVar = ()

    def pull(self, reference: str, *options: str) -> None:
        self("pull", "--quiet", "--platform=linux/amd64", *options, reference)

    def forget(self) -> None:
        """Removes all images: the next pull has nothing to build on."""
        images = self("image", "ls", "--quiet", "--all").split()
        if images:
            self("image", "rm", "--force", *set(images))


@dataclass(frozen=True)
class Containerd(Program):
    plain: ClassVar = ("--plain-http",)

    def pull(self, reference: str, *options: str) -> None:
        self("images", "pull", "--snapshotter=native", "--platform=linux/amd64", *options, reference)

    def forget(self) -> None:
        images = self("images", "list", "--quiet").split()
        if images:
            self("images", "remove", "--sync", *images)


@dataclass(frozen=True)
class Oras:
    """The Python client."""

    folder: Path

    plain: ClassVar = ("insecure",)

    @staticmethod
    def client(*options: str) -> oras.client.OrasClient:
        return oras.client.OrasClient(**dict.fromkeys(options, True))

    def pull(self, reference: str, *options: str) -> None:
        """The platform is the caller's to choose: of an image index the client pulls nothing."""
        client = self.client(*options)
        index = client.get_manifest(reference)
        (child,) = (each for each in index["manifests"] if each["platform"]["architecture"] == "amd64")
        repository = reference.rpartition(":")[0]
        client.pull(f"{repository}@{child['digest']}", outdir=str(self.folder / "pulled"))


@dataclass(frozen=True)
class Node:
    """Snyk's client for Node.js, through `registry.mjs`."""

    folder: Path

    plain: ClassVar = ("http:",)

    def __call__(self, function: str, *arguments: Any) -> Any:
        """What a function of the client gives, in a process of its own."""
        script = Path(__file__).with_name("registry.mjs")
        command = ["node", str(script), function, json.dumps(arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout)

    def pull(self, reference: str, *options: str) -> None:
        host, _, rest = reference.partition("/")
        name, _, tag = rest.rpartition(":")
        settings = {"protocol": options[0]} if options else {}
        manifest = self("getManifest", host, name, tag, None, None, settings)
        self("getImageConfig", host, name, manifest["config"]["digest"], None, None, settings)
        for layer in manifest["layers"]:
            target = str(self.folder / layer["digest"])
            self("downloadLayer", target, host, name, layer["digest"], None, None, settings)
