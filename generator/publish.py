"""The refreshed index as a commit: what is new in it, said in the message, and pushed past whoever pushed first."""

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from generator.document import decode, printable
from generator.errors import StorageError
from generator.query.revision import recorded_at
from generator.record.index import Build, ImageIndex
from generator.record.store import Store

_SUBJECT = 72
_ATTEMPTS = 5
_IDENTITY = ("-c", "user.name=reverse-registry", "-c", "user.email=reverse-registry@users.noreply.github.com")


@dataclass(frozen=True, slots=True)
class News:
    """The builds of an image that its last commit did not have, and the versions that it had."""

    name: str
    builds: tuple[Build, ...]
    known: frozenset[str]

    @property
    def versions(self) -> tuple[str, ...]:
        """New ones, newest first."""
        new = (build.version for build in reversed(self.builds) if build.version and build.version not in self.known)
        return tuple(dict.fromkeys(new))

    @property
    def rebuilds(self) -> int:
        """Builds of versions that were known before, or of none."""
        return sum(not build.version or build.version in self.known for build in self.builds)


def message(news: Iterable[News]) -> str:
    """A subject of at most 72 characters, and a line for each build below it."""
    news = [each for each in news if each.builds]
    parts = [f"{each.name} {version}" for each in news for version in each.versions]
    rebuilds = sum(each.rebuilds for each in news)
    for count in range(len(parts), -1, -1):
        rest = [f"{len(parts) - count} more versions"] if count < len(parts) else []
        rest += [f"{rebuilds} rebuild{'' if rebuilds == 1 else 's'}"] if rebuilds else []
        subject = " and ".join(filter(None, (", ".join(parts[:count] + rest[:-1]), *rest[-1:])))
        if len(subject) <= _SUBJECT:
            break
    lines = [
        f"{each.name} {build.version or 'of unknown version'} on {build.track}: {build.digest}"
        for each in news
        for build in reversed(each.builds)
    ]
    return "\n".join(map(printable, (subject or "Bring the pages of the index up to date", "", *lines))).rstrip() + "\n"


def publish(folder: Path, *, push: bool) -> str | None:
    """Commits what has changed in `folder`, and pushes it; gives the subject, or None where nothing has changed.

    Raises `StorageError` where git refuses, and `ConfigurationError` where `folder` is in no git repository.
    """
    news = [_news(Store(folder), name, files) for name, files in _recorded(folder)]
    git(folder, "add", "--all", "--", ".", ":(exclude,glob)**/.*")
    if not git(folder, "diff", "--cached", "--name-only", "--", "."):
        return None
    text = message(news)
    git(folder, *_IDENTITY, "commit", "--quiet", "--message", text, "--", ".")
    if push:
        _push(folder)
    return text.partition("\n")[0]


def _recorded(folder: Path) -> list[tuple[str, dict[str, bytes]]]:
    recorded = dict(recorded_at(folder, "HEAD"))
    names = {str(path.parent.relative_to(folder)) for path in folder.rglob("index.json")} - {"."}
    return [(name, recorded.get(name, {})) for name in sorted(names)]


def _news(store: Store, name: str, files: dict[str, bytes]) -> News:
    before = decode(files["index.json"], ImageIndex, name).builds if "index.json" in files else ()
    now = store.image(name)
    known = {build.key for build in before}
    new = tuple(build for build in (now.builds if now else ()) if build.key not in known)
    return News(name, new, frozenset(build.version for build in before if build.version))


def _push(folder: Path) -> None:
    for _ in range(_ATTEMPTS - 1):
        try:
            git(folder, "push", "--quiet")
        except StorageError:
            git(folder, "fetch", "--quiet")
            try:
                git(folder, *_IDENTITY, "rebase", "--quiet", "@{upstream}")
            except StorageError:
                git(folder, "rebase", "--abort")
                raise StorageError(
                    f"{folder}: somebody else has pushed what cannot be merged with this refresh; the next one will do"
                ) from None
        else:
            return
    git(folder, "push", "--quiet")


def git(folder: Path, *arguments: str) -> str:
    """What git prints. Raises `StorageError` with what it says."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout  # noqa: S603
    except FileNotFoundError:
        raise StorageError("git is not installed") from None
    except subprocess.CalledProcessError as error:
        said = printable(error.stderr.strip() or error.stdout.strip(), 500)
        word = next((each for each in arguments if each in {"add", "commit", "push", "fetch", "rebase"}), arguments[0])
        raise StorageError(f"{folder}: git {word} failed: {said}") from None
