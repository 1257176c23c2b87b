"""Commands that write what is written by hand: images.toml, and a repository around it."""

from generator.cli.edit.add import add
from generator.cli.edit.init import init
from generator.cli.edit.remove import remove

__all__ = ["add", "init", "remove"]
