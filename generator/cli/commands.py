"""The commands in sections, each imported when it is run; help as plain text that fits any terminal and any pipe."""

import re
from collections.abc import Mapping
from pkgutil import resolve_name
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

_TYPE = re.compile(r"<(?:list\[)?(\w+)[^>]*>")


class Command(TyperCommand):
    """A command that names its words in its usage and in its help as README files do: IMAGE, not `{IMAGE} <str>`."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return [piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        for heading, kind in (("Arguments", "argument"), ("Options", "option")):
            params = [each for each in self.get_params(ctx) if each.param_type_name == kind]
            records = [record for each in params if (record := each.get_help_record(ctx))]
            if records:
                with formatter.section(heading):
                    formatter.write_dl([(_named(name, kind), described) for name, described in records])


class Deferred(TyperCommand):
    """What help and completion tell of a command. `function` is imported when it is run, with all that it needs."""

    def __init__(self, name: str, function: str, summary: str) -> None:
        super().__init__(name, help=summary)
        self.name: str = name
        self.help: str = summary
        self.function = function

    def load(self) -> Any:
        """The command itself."""
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(self.name, cls=Command)(resolve_name(self.function))
        return typer.main.get_command(alone)


class Sections(TyperGroup):
    """Commands under headings."""

    sections: ClassVar[Mapping[str, tuple[Deferred, ...]]]

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs)
        self.commands = {each.name: each for commands in self.sections.values() for each in commands}

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, Deferred) else command, rest

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        width = max(map(len, self.commands))
        for heading, commands in self.sections.items():
            with formatter.section(heading):
                formatter.write_dl([(each.name.ljust(width), each.help) for each in commands])


def _named(name: str, kind: str) -> str:
    if kind == "argument":
        return _TYPE.sub("", name).strip()
    return _TYPE.sub(lambda type_: type_[1].upper(), name)
