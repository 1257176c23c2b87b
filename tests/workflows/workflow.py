"""Workflows and the action as data."""

import sys
from pathlib import Path
from typing import Any

import yaml

from tests.example import ROOT

FOLDER = ROOT / ".github" / "workflows"
NAMES = sorted(path.name for path in FOLDER.glob("*.y*ml"))
ACTION = ROOT / "action.yml"
VENV = Path(sys.executable).parent


def load(path: Path) -> Any:
    """Every scalar is a string, `on` too."""
    return yaml.load(path.read_text(), Loader=yaml.BaseLoader)


def workflow(name: str) -> Any:
    return load(FOLDER / name)
