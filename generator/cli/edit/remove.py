"""`reverse-registry remove`."""

from typing import Annotated

import typer

from generator import images
from generator.cli.completion import complete_image
from generator.cli.conventions import Index
from generator.cli.output import count, show_line
from generator.cli.queries.arguments import DEFAULT
from generator.document import printable
from generator.errors import ConfigurationError
from generator.images.table import without
from generator.query.reference import closest
from generator.record.store import Store


def remove(
    names: Annotated[
        list[str], typer.Argument(metavar="IMAGE", autocompletion=complete_image, help="Names of images.toml.")
    ],
    index: Index = DEFAULT,
) -> None:
    """Take images out of images.toml, which keeps its comments and layout.

    What is recorded of them stays in its folder, and is served no more; add brings it back.
    """
    path = index / "images.toml"
    known = images.load(path).images
    for name in names:
        if name not in known:
            raise ConfigurationError(
                f"{path}: has no image {printable(name)}{closest(name, known)}; nothing was written"
            )
    store = Store(index)
    data = path.read_bytes()
    for name in dict.fromkeys(names):
        data = without(data, name, str(path))
    store.write(path.name, data)
    for name in dict.fromkeys(names):
        recorded = store.image(name)
        folder = (
            f"; {index / name} stays, with {count(len(recorded.builds), 'build')}, and is served no more"
            if recorded
            else ", of which nothing was recorded"
        )
        show_line(f"removed {name} from {path}{folder}")
    show_line(f"next: `reverse-registry refresh --index {index}`, which takes it out of the catalogue")
