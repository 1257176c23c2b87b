"""All images of an index, to be asked for by name."""

from collections.abc import Iterator
from pathlib import Path

from generator import images
from generator.document import printable
from generator.errors import ConfigurationError, ReverseRegistryError
from generator.query.reference import Reference, closest
from generator.query.resolution import Resolution, holding, resolve
from generator.record.index import Build, ImageIndex, Summary
from generator.record.merge import summarize
from generator.record.packages import expand
from generator.record.store import Store

_SHOWN = 4


class Library:
    """The images of images.toml, as far as they have been refreshed."""

    def __init__(self, folder: Path) -> None:
        """Raises `ConfigurationError`."""
        listed = images.load(folder / "images.toml")
        self.wanted = listed.images
        self.address = listed.address
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

    def summaries(self) -> dict[str, Summary]:
        """Every image of images.toml as the catalogue has it. Raises `BrokenIndexError`."""
        catalogue = self.store.catalogue()
        known = catalogue.images if catalogue else {}
        return {name: known.get(name) or summarize(None, image) for name, image in sorted(self.wanted.items())}

    def all(self) -> Iterator[ImageIndex]:
        for name in sorted(self.wanted):
            if index := self.store.image(name):
                yield index

    def resolve(self, wanted: Reference) -> Resolution:
        """The build that is meant; of several with a digest, the newest.

        Raises `ConfigurationError` with the closest names where there is no such image or build.
        """
        return self.find(wanted)[0]

    def find(self, wanted: Reference) -> list[Resolution]:
        """Likewise, with every image that has the digest where no image was named, newest first."""
        if wanted.name:
            name = self.named(wanted)
            return [resolve(self.image(name), wanted, self.wanted[name].constraint)]
        sought = wanted.digest.rpartition(":")[2]
        found = [each for index in self._mentioning(sought) for each in holding(index, wanted.digest)]
        if not found:
            raise ConfigurationError(f"no build of any image, and no platform of one, begins with {wanted.digest}")
        if len({each.digest for each in found}) > 1:
            shown = ", ".join(sorted({f"{each.image}@{each.digest}" for each in found})[:_SHOWN])
            raise ConfigurationError(f"{wanted.digest} is the beginning of several digests: {shown}; write more of it")
        return sorted(found, key=lambda each: each.build.seen, reverse=True)

    def named(self, wanted: Reference) -> str:
        """The image that a reference means: by its name here, or by its repository upstream."""
        by_repository = [name for name, image in self.wanted.items() if str(image.repository) == wanted.path]
        by_path = [name for name, image in self.wanted.items() if image.repository.path == wanted.name]
        served = self.address.partition("/")[2]
        name = wanted.name.removeprefix(f"{served}/") if wanted.host and served else wanted.name
        return next(iter([*by_repository, *([name] if name in self.wanted else by_path)]), wanted.name)

    def _mentioning(self, text: str) -> Iterator[ImageIndex]:
        """The images whose index.json has `text` in it: reading all of each takes long."""
        for name in sorted(self.wanted):
            file = f"{name}/index.json"
            data = self.store.read(file)
            if data is not None and text.encode() in data:
                yield self.store.decode(data, ImageIndex, file)

    def packages(self, name: str, build: Build) -> frozenset[str]:
        """As packages.json has them. Raises `ReverseRegistryError` where they are not known."""
        packages = expand(self.store.packages(name)).get(build.key)
        if packages is None:
            raise ReverseRegistryError(f"{name}@{build.digest}: its packages are not known, as it came without an SBOM")
        return packages
