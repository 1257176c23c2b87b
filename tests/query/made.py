"""Small indexes, and ways to ask and to tamper with them."""

import hashlib
import json
import subprocess
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from generator.cli import app
from generator.images import parse
from generator.record.index import Build, Sbom, Track
from generator.record.merge import image_index, merge_builds
from generator.record.packages import compact
from generator.record.store import Store

Change = Callable[[Any], object]


def digest(*seed: object) -> str:
    return f"sha256:{hashlib.sha256(repr(seed).encode()).hexdigest()}"


def build(version: str | None, day: str, *, name: str = "demo", track: str = "latest", type_: str = "apk") -> Build:
    """A build of a package called like the image, seen on `day`."""
    at = datetime.fromisoformat(day).replace(tzinfo=UTC)
    id_ = digest(name, version, day, track)
    return Build(
        digest=id_,
        media_type="application/vnd.oci.image.index.v1+json",
        size=795,
        track=track,
        version=version,
        purl=f"pkg:{type_}/wolfi/{name}@{version}" if version else None,
        created=at,
        seen=at,
        platforms={"linux/amd64": digest("amd64", id_)},
        sbom=Sbom(kind="cosign-attestation", format="spdx", digest=digest("sbom", id_), verified=False, identity=None)
        if version
        else None,
    )


class Made:
    """A small index in a folder, written as a refresh writes it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.toml = folder / "images.toml"
        self.toml.write_text('upstream = "cgr.dev/chainguard"\n\n')

    def image(self, name: str, builds: Iterable[tuple[Build, Iterable[str] | None]], keys: str = "") -> None:
        """`builds` with their packages beside the main one; None where there is no SBOM."""
        if f"[images.{name}]" not in self.toml.read_text():
            self.toml.write_text(f"{self.toml.read_text()}[images.{name}]\n{keys}\n")
        store = Store(self.folder)
        wanted = parse(self.toml.read_bytes(), "").images[name]
        given = list(builds)
        ordered = merge_builds((), (each for each, _ in given))
        contents = {
            (each.track, each.digest): frozenset([*packages, *([each.purl[4:]] if each.purl else [])])
            for each, packages in given
            if packages is not None
        }
        known = store.image(name)
        index, _ = image_index(
            name=name,
            repository=str(wanted.repository),
            auth=None,
            tracks={each.track: Track(digest=each.digest, since=ordered[0].seen) for each in ordered},
            watched=wanted.tracks,
            builds=ordered,
            before=known,
            constraint=wanted.constraint,
            awaited=(),
        )
        store.write(f"{name}/packages.json", compact(name, ordered, contents))
        store.write(f"{name}/index.json", index)


def run(*words: object, index: Path | None = None) -> Result:
    """A command in this process, as the shell would run it but for the last line of an error."""
    return CliRunner().invoke(app, [*map(str, words), *(["--index", str(index)] if index else [])])


def ask(*words: object, index: Path) -> Any:
    """What a command says to a program."""
    done = run(*words, "--json", index=index)
    assert done.exit_code == 0, done.output or done.exception
    return json.loads(done.output)


def refused(*words: object, index: Path | None = None) -> str:
    """The one line with which a command ends that asks for what is not there."""
    done = run(*words, index=index)
    assert isinstance(done.exception, Exception), done.output
    assert done.output == ""
    return str(done.exception)


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.com"]
    done = subprocess.run(["git", "-C", str(folder), *identity, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def edit(path: Path, change: Change) -> None:
    """Changes a document by hand, in the layout in which it is generated."""
    document = json.loads(path.read_bytes())
    change(document)
    path.write_bytes(layout(document))


def layout(document: dict[str, Any]) -> bytes:
    def compact_(value: object) -> str:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def block(brackets: str, entries: list[str], indent: str) -> str:
        return brackets[0] + "\n" + ",\n".join(f"{indent}  {each}" for each in entries) + f"\n{indent}{brackets[1]}"

    def value(each: object) -> str:
        if isinstance(each, dict) and each:
            return block("{}", [f"{compact_(key)}: {compact_(each[key])}" for key in sorted(each)], "  ")
        if isinstance(each, list) and each:
            return block("[]", [compact_(item) for item in each], "  ")
        return compact_(each)

    return (block("{}", [f"{compact_(key)}: {value(document[key])}" for key in sorted(document)], "") + "\n").encode()
