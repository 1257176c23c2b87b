"""Commands that ask the index, without a network."""

from generator.cli.queries.list import list_
from generator.cli.queries.log import log
from generator.cli.queries.packages import diff, packages
from generator.cli.queries.resolve import resolve
from generator.cli.queries.search import search

__all__ = ["diff", "list_", "log", "packages", "resolve", "search"]
