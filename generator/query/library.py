"""All images of an index, to be asked for by name."""

from collections.abc import Iterator
from pathlib import Path

from generator import images
from generator.document import printable
from generator.errors import ConfigurationError, ReverseRegistryError
from generator.query.reference import Reference, closest
from generator.query.resolution import Resolution, resolve
from generator.record.index import Build, ImageIndex
from generator.record.packages import expand
from generator.record.store import Store


class Library:
    """The images of images.toml, as far as they have been refreshed."""

    def __init__(self, folder: Path) -> None:
        """Raises `ConfigurationError`."""
        self.wanted = images.load(folder / "images.toml").images
        self.store = Store(folder)

    def image(self, name: str) -> ImageIndex:
        """Raises `ConfigurationError` with the closest names where there is none."""
        if name not in self.wanted:
            raise ConfigurationError(f"the index has no image {printable(name)}{closest(name, self.wanted)}")
        if index := self.store.image(name):
            return index
        raise ConfigurationError(
            f"{name} has no builds yet: run `reverse-registry refresh --index {self.store.folder} {name}`"
        )

    def all(self) -> Iterator[ImageIndex]:
        for name in sorted(self.wanted):
            if index := self.store.image(name):
                yield index

    def resolve(self, wanted: Reference) -> Resolution:
        """Raises `ConfigurationError` with the closest names where there is no such image or build."""
        return resolve(self.image(wanted.name), wanted, self.wanted[wanted.name].constraint)

    def packages(self, name: str, build: Build) -> frozenset[str]:
        """As packages.json has them. Raises `ReverseRegistryError` where they are not known."""
        packages = expand(self.store.packages(name)).get(build.key)
        if packages is None:
            raise ReverseRegistryError(f"{name}@{build.digest}: its packages are not known, as it came without an SBOM")
        return packages
