"""The refreshed index as a commit: what is new in it, said in the message, and pushed past whoever pushed first."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from generator.document import decode
from generator.errors import ConfigurationError, StorageError
from generator.git import GitError, contents, git
from generator.record.index import Build, ImageIndex
from generator.record.stamps import FILE as STAMPS
from generator.record.store import Store

_SUBJECT = 72
_ATTEMPTS = 5
_IDENTITY = ("-c", "user.name=reverse-registry", "-c", "user.email=reverse-registry@users.noreply.github.com")

# All that apk, deb and rpm versions are made of; anything else could mention somebody or close an issue.
_FOREIGN = re.compile(r"[^A-Za-z0-9._+~:^-]")


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
    parts = [f"{each.name} {_plain(version)}" for each in news for version in each.versions]
    rebuilds = sum(each.rebuilds for each in news)
    for count in range(len(parts), -1, -1):
        more = len(parts) - count
        rest = [f"{more} more version{'' if more == 1 else 's'}"] if more else []
        rest += [f"{rebuilds} rebuild{'' if rebuilds == 1 else 's'}"] if rebuilds else []
        subject = " and ".join(filter(None, (", ".join(parts[:count] + rest[:-1]), *rest[-1:])))
        if len(subject) <= _SUBJECT:
            break
    lines = [
        f"{each.name} {_plain(build.version)} on {build.track}: {build.digest}"
        for each in news
        for build in reversed(each.builds)
    ]
    return "\n".join((subject or "Bring the pages of the index up to date", "", *lines)).rstrip() + "\n"


def _plain(version: str | None) -> str:
    return _FOREIGN.sub("?", version) if version else "of unknown version"


def publish(folder: Path, *, push: bool) -> str | None:
    """Commits what has changed in `folder`, and pushes it; gives the subject, or None where nothing has changed.

    Raises `StorageError` where git refuses, and `ConfigurationError` where `folder` is in no git repository.
    """
    try:
        git(folder, "rev-parse", "--is-inside-work-tree")
    except GitError as error:
        raise ConfigurationError(f"{folder}: cannot be published ({error.said})") from None
    git(folder, "add", "--all", "--", ".", ":(exclude,glob)**/.*")
    subject = None
    if git(folder, "diff", "--cached", "--name-only", "--", "."):
        text = message(_news(folder))
        git(folder, "commit", "--quiet", "--file", "-", "--", ".", options=_IDENTITY, text=text)
        subject = text.partition("\n")[0]
    elif push and _is_ahead(folder):
        subject = git(folder, "log", "-1", "--format=%s").strip()
    if push and subject:
        _push(folder)
    return subject


def _is_ahead(folder: Path) -> bool:
    """Whether a commit of the index was made before, and not pushed."""
    try:
        return git(folder, "rev-list", "--count", "@{upstream}..HEAD", "--", ".").strip() != "0"
    except GitError:
        return False


def _news(folder: Path) -> Iterator[News]:
    """Of the images whose staged index.json is not that of the last commit."""
    changed = git(folder, "diff", "--cached", "--relative", "--raw", "--no-abbrev", "--no-renames", "-z", "--", ".")
    fields = iter(changed.split("\0"))
    objects = sorted(
        (path.removesuffix("/index.json"), described.split()[2])
        for described, path in zip(fields, fields, strict=False)
        if path.endswith("/index.json")
    )
    blobs = contents(folder, (recorded for _, recorded in objects if recorded.strip("0")))
    store = Store(folder)
    for name, recorded in objects:
        before = decode(next(blobs), ImageIndex, name).builds if recorded.strip("0") else ()
        now = store.image(name)
        known = {build.key for build in before}
        new = tuple(build for build in (now.builds if now else ()) if build.key not in known)
        yield News(name, new, frozenset(build.version for build in before if build.version))


def _settle(folder: Path) -> bool:
    """Goes on with a rebase that stopped at the stamps alone: theirs will do, what they do not fit is made again."""
    try:
        if git(folder, "diff", "--name-only", "--diff-filter=U", "--relative").split() != [STAMPS]:
            return False
        git(folder, "checkout", "--ours", "--", STAMPS)
        git(folder, "add", "--", STAMPS)
        git(folder, "rebase", "--continue", options=(*_IDENTITY, "-c", "core.editor=true"))
    except GitError:
        return False
    return True


def _push(folder: Path) -> None:
    for _ in range(_ATTEMPTS - 1):
        try:
            git(folder, "push", "--quiet")
        except GitError:
            git(folder, "fetch", "--quiet")
            _rebase(folder)
        else:
            return
    git(folder, "push", "--quiet")


def _rebase(folder: Path) -> None:
    try:
        git(folder, "rebase", "--quiet", "--autostash", "@{upstream}", options=_IDENTITY)
    except GitError as error:
        if _settle(folder):
            return
        try:
            git(folder, "rebase", "--abort")
        except GitError:
            raise error from None  # it did not even begin
        commit = git(folder, "rev-parse", "--short", "HEAD").strip()
        raise StorageError(
            f"{folder}: somebody else has pushed changes of the same lines; theirs stand, and commit {commit} stays "
            "in this clone only. A refresh of a fresh clone, which the next scheduled run is, learns it again"
        ) from None
