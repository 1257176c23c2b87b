"""`reverse-registry add`."""

import contextlib
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import tomlkit
import typer
from tomlkit.items import Table

from generator import images
from generator.cli.conventions import Index
from generator.cli.output import show_line
from generator.document import printable
from generator.errors import ConfigurationError
from generator.record.store import Store


def add(
    names: Annotated[list[str], typer.Argument(metavar="IMAGE", help="Names to serve them by.")],
    repository: Annotated[
        str | None, typer.Option(metavar="HOST/PATH", help="Where it lives; default: upstream of images.toml.")
    ] = None,
    package: Annotated[str | None, typer.Option(help="Main package; default: detected.")] = None,
    track: Annotated[list[str] | None, typer.Option(help="Upstream tag to watch; may be repeated.")] = None,
    since: Annotated[str | None, typer.Option(metavar="DATE|now|always", help="How far back to read history.")] = None,
    constraint: Annotated[str | None, typer.Option(metavar="REGEX", help="Only versions matching get tags.")] = None,
    index: Index = Path("index"),
) -> None:
    """Add images to images.toml, which keeps its comments and layout."""
    path = index / "images.toml"
    known = images.load(path).images
    for position, name in enumerate(names):
        if name in known or name in names[:position]:
            raise ConfigurationError(f"{path}: {printable(name)} is there already; nothing was written")
        if "." in name.partition("/")[0] and "/" in name:
            raise ConfigurationError(
                f"{printable(name)}: a name to serve it by is without a registry; "
                f"write add {printable(name.rpartition('/')[2])} --repository {printable(name)}"
            )
    if repository and len(names) > 1:
        raise ConfigurationError("--repository is where one image lives: add the others each by itself")
    keys = {"repository": repository, "package": package, "tracks": track, "since": since, "constraint": constraint}
    given = {key: value for key, value in keys.items() if value not in (None, [])}
    data = path.read_bytes()
    text = data.decode().rstrip("\n") + "\n\n" + _tables(names, given)
    images.parse(text.encode(), str(path))
    Store(index).write(path.name, text)
    added = " ".join(names)
    show_line(f"added {added} to {path}; next: `reverse-registry refresh --index {index} {added}`")


def _tables(names: list[str], keys: dict[str, Any]) -> str:
    with contextlib.suppress(KeyError, ValueError):
        keys["since"] = date.fromisoformat(keys["since"])
    tables = tomlkit.table(is_super_table=True)
    for name in names:
        table: Table = tomlkit.table()
        table.update(keys)
        tables.append(name, table)
    return tomlkit.dumps({"images": tables})
