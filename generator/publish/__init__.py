"""The refreshed index as a commit: what is new in it, said in the message, and pushed past whoever pushed first."""

from collections.abc import Iterator
from pathlib import Path

from generator.document import decode
from generator.errors import ConfigurationError
from generator.git import GitError, contents, git
from generator.publish.branch import IDENTITY, Branch
from generator.publish.message import News, message
from generator.record.correction import changed_versions
from generator.record.index import ImageIndex
from generator.record.store import Store

__all__ = ["News", "message", "publish"]

_INDEX = ("--", ".", ":(exclude,glob)**/.*")


def publish(folder: Path, *, push: bool) -> str | None:
    """Commits what has changed in `folder`, and pushes it; gives the subject, or None where nothing is left to do.

    Raises `StorageError` until it is committed and pushed, and `ConfigurationError` where `folder` is in no git
    repository.
    """
    try:
        git(folder, "rev-parse", "--is-inside-work-tree")
    except GitError as error:
        raise ConfigurationError(f"{folder}: cannot be published ({error.said})") from None
    branch = Branch.of(folder)
    if push and git(folder, "status", "--porcelain", *_INDEX):
        branch.check_is_pushed_somewhere()
    git(folder, "add", "--all", *_INDEX)
    has_changed = bool(git(folder, "diff", "--cached", "--name-only", "--", "."))
    if not has_changed and not (push and branch.is_ahead()):
        return None
    if push:
        branch.check_is_pushed_somewhere()
    if has_changed:
        git(folder, "commit", "--quiet", "--file", "-", "--", ".", options=IDENTITY, text=message(_news(folder)))
    subject = git(folder, "log", "-1", "--format=%s").strip()
    if push:
        branch.push()
    return subject


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
        before = decode(next(blobs), ImageIndex, name) if recorded.strip("0") else None
        image = store.image(name)
        old, builds = before.builds if before else (), image.builds if image else ()
        known = {build.key for build in old}
        is_gone = {build.key for build in old if build.gone}
        yield News(
            name,
            tuple(build for build in builds if build.key not in known),
            frozenset(build.version for build in old if build.version),
            tuple(changed_versions(before, builds)) if before else (),
            sum(build.gone is not None and build.key not in is_gone for build in builds),
        )
