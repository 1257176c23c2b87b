"""What `check` says of an index, the index's own folder left out of each line."""

from pathlib import Path

from tests.query.made import run


def check(index: Path, *words: str) -> tuple[int, list[str]]:
    """Exit code and lines, but for the last."""
    done = run("check", *words, index=index)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, [line.removeprefix(f"{index}/") for line in done.output.splitlines()[:-1]]


def problems(index: Path, *words: str) -> list[str]:
    code, lines = check(index, *words)
    found = [line for line in lines if ": note: " not in line]
    assert code == bool(found), lines
    return found


def notes(index: Path, *words: str) -> list[str]:
    _, lines = check(index, *words)
    return [line.replace("note: ", "") for line in lines if ": note: " in line]
