"""No edit by hand goes unseen: each is a problem, or where nothing can tell it from a refresh, a note to review."""

from pathlib import Path

import pytest

from tests.check.edits import EDITS, Edit
from tests.check.findings import check


def test_what_a_refresh_leaves_is_sound(index: Path) -> None:
    assert check(index, "--against", "HEAD") == (0, [])


@pytest.mark.parametrize("bent", EDITS, ids=lambda bent: bent.name)
def test_an_edit_by_hand_is_found(index: Path, bent: Edit) -> None:
    bent.change(index)
    code, found = check(index, *(["--against", "HEAD"] if bent.against else []))
    assert code == (0 if bent.note else 1), found
    start = f"{bent.file}: note: " if bent.note else f"{bent.file}: "
    assert any(line.startswith(start) and bent.expected in line for line in found), found


def test_there_are_many() -> None:
    assert len({bent.name for bent in EDITS}) == len(EDITS) >= 45
