"""Help as plain text that fits any terminal and any pipe, with the commands in sections."""

import re
from typing import Any

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


class Sections(TyperGroup):
    """Commands under the headings that they were registered with."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        width = max(map(len, commands))
        for name, command in commands.items():
            if command and not command.hidden:
                heading = getattr(command, "rich_help_panel", None) or "Commands"
                described = (command.help or "").partition("\n\n")[0].replace("\n", " ")
                sections.setdefault(str(heading), []).append((name.ljust(width), described))
        for heading, rows in sections.items():
            with formatter.section(heading):
                formatter.write_dl(rows)


def _named(name: str, kind: str) -> str:
    if kind == "argument":
        return _TYPE.sub("", name).strip()
    return _TYPE.sub(lambda type_: type_[1].upper(), name)
