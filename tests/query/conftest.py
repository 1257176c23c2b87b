import shutil
from pathlib import Path

import pytest

from tests.example import INDEX
from tests.query.made import Made


@pytest.fixture
def committed(tmp_path: Path) -> Path:
    return Path(shutil.copytree(INDEX, tmp_path / "index"))


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path / "made")
