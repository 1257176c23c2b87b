"""The branch that a clone is on, and its way to where it is pushed."""

import re
from dataclasses import dataclass
from pathlib import Path

from generator.errors import StorageError
from generator.git import GitError, git
from generator.record.stamps import FILE as STAMPS

IDENTITY = ("-c", "user.name=reverse-registry", "-c", "user.email=reverse-registry@users.noreply.github.com")

_ATTEMPTS = 5

# What git leaves behind (gitrepository-layout(5)) while one of these is not done, and how each is called off.
_UNFINISHED = {
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
}

# git-push(1), --porcelain: somebody else was first.
_BEHIND = re.compile(r"\t\[rejected\] \((fetch first|non-fast-forward)|\t\[remote rejected\] \(cannot lock ref")

_REMEDIES = {
    re.compile(r"GH006|GH013|protected branch", re.IGNORECASE): "allow who publishes to push to that branch",
    re.compile(r"\b403\b|permission|denied", re.IGNORECASE): (
        "give who publishes the right to write (in a workflow, `permissions: contents: write`)"
    ),
    re.compile(r"could not resolve|unable to access|connection|timed out", re.IGNORECASE): "see that it can be reached",
}


@dataclass(frozen=True, slots=True)
class Branch:
    """The branch that `folder` is on. `remote` and `ref` say where it is pushed, and are empty where nothing does."""

    folder: Path
    name: str
    remote: str
    ref: str

    @classmethod
    def of(cls, folder: Path) -> "Branch":
        """Raises `StorageError` where a commit would not be on a branch, or not be on it alone."""
        for name, command in _UNFINISHED.items():
            path = Path(git(folder, "rev-parse", "--path-format=absolute", "--git-path", name).strip())
            if path.exists():
                raise StorageError(
                    f"{folder}: a {command} was left unfinished in this clone; end it with "
                    f"`git {command} --continue` or `git {command} --abort`, then publish again"
                )
        try:
            branch = git(folder, "symbolic-ref", "--short", "HEAD").strip()
        except GitError:
            raise StorageError(
                f"{folder}: this clone is on no branch (detached HEAD); `git switch` to the branch that is to hold "
                "the index, then publish again"
            ) from None
        return cls(
            folder, branch, _setting(folder, f"branch.{branch}.remote"), _setting(folder, f"branch.{branch}.merge")
        )

    def is_ahead(self) -> bool:
        """Whether the folder has commits that were not pushed."""
        for known in (("@{upstream}..HEAD",), ("HEAD", "--not", "--remotes")):
            try:
                return git(self.folder, "rev-list", "--count", *known, "--", ".").strip() != "0"
            except GitError:
                continue
        return False

    def check_is_pushed_somewhere(self) -> None:
        """Raises `StorageError`."""
        if not (self.remote and self.ref):
            raise StorageError(
                f"{self.folder}: branch {self.name} has no upstream to push to; name it once with "
                f"`git push --set-upstream origin {self.name}`, or publish with --no-push"
            )

    def push(self) -> None:
        """Puts what others have pushed below, as often as it takes. Raises `StorageError`."""
        for _ in range(_ATTEMPTS):
            try:
                git(self.folder, "push", "--porcelain", self.remote, f"HEAD:{self.ref}")
            except GitError as error:
                if not _BEHIND.search(error.output):
                    raise StorageError(self._refused(error)) from None
            else:
                return
            git(self.folder, "fetch", "--quiet", self.remote, self.ref)
            self._rebase()
        raise StorageError(
            f"{self.folder}: somebody else was faster {_ATTEMPTS} times; commit {self._commit()} stays in this clone, "
            "and is pushed when you publish again"
        )

    def _refused(self, error: GitError) -> str:
        remedy = next((remedy for pattern, remedy in _REMEDIES.items() if pattern.search(error.said)), "settle that")
        return (
            f"{self.folder}: the push to {self.remote} was refused: {error.said}; {remedy}, then publish again: "
            f"commit {self._commit()} is kept in this clone"
        )

    def _commit(self) -> str:
        return git(self.folder, "rev-parse", "--short", "HEAD").strip()

    def _rebase(self) -> None:
        try:
            git(self.folder, "rebase", "--quiet", "--autostash", "FETCH_HEAD", options=IDENTITY)
        except GitError as error:
            if self._settle():
                return
            try:
                git(self.folder, "rebase", "--abort")
            except GitError:
                raise error from None  # it did not even begin
            raise StorageError(
                f"{self.folder}: somebody else has pushed changes of the same lines; theirs stand, and commit "
                f"{self._commit()} stays in this clone only. A refresh of a fresh clone, which the next scheduled run "
                "is, learns it again; to make this clone one, `git reset --keep @{upstream}`"
            ) from None

    def _settle(self) -> bool:
        """Goes on with a rebase that stopped at the stamps alone: theirs do, and what they do not fit is made again."""
        try:
            if git(self.folder, "diff", "--name-only", "--diff-filter=U", "--relative").split() != [STAMPS]:
                return False
            git(self.folder, "checkout", "--ours", "--", STAMPS)
            git(self.folder, "add", "--", STAMPS)
            git(self.folder, "rebase", "--continue", options=(*IDENTITY, "-c", "core.editor=true"))
        except GitError:
            return False
        return True


def _setting(folder: Path, name: str) -> str:
    try:
        return git(folder, "config", "--get", name).strip()
    except GitError:
        return ""
