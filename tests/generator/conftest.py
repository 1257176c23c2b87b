"""An index in a folder, refreshed in this process from an example upstream."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from generator.images import parse
from generator.record.index import Build, ImageIndex
from generator.record.packages import expand
from generator.record.store import Store
from generator.refresh import Outcome, Refresh
from generator.trust.loading import load_verifiers
from generator.upstream import Limits
from tests.upstream import ExampleUpstream, Options

ALWAYS = '[images.nginx]\nsince = "always"\n'
QUICK = Limits(connect=2.0, read=5.0, attempts=3, backoff=0.01, patience=5.0)

Expected = Callable[[ExampleUpstream], dict[str, bytes]]


@dataclass
class Index:
    """`images` is the text of images.toml below its first line, which names the upstream."""

    upstream: ExampleUpstream
    folder: Path
    images: str
    limits: Limits = field(default_factory=lambda: QUICK)
    trusted_root: Path | None = None

    @property
    def store(self) -> Store:
        return Store(self.folder)

    def write_images(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "images.toml").write_text(f'upstream = "{self.upstream.host}/chainguard"\n{self.images}')

    def run(self, names: Iterable[str] = (), *, write: bool = True, jobs: int = 8) -> Iterator[Outcome]:
        self.write_images()
        wanted = parse((self.folder / "images.toml").read_bytes(), "images.toml")
        verifiers = load_verifiers(wanted.trusts, self.folder, self.trusted_root)
        return Refresh(self.store, wanted, self.limits, jobs, write=write, verifiers=verifiers).run(names)

    def refresh(self, *names: str, write: bool = True) -> dict[str, Outcome]:
        return {outcome.image.name: outcome for outcome in self.run(names, write=write)}

    def content(self) -> dict[str, bytes]:
        """Every generated file but `refreshed.json`, whose stamps are of this upstream's address, by its path."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and path.name not in {"images.toml", "refreshed.json"}
        }

    def image(self, name: str) -> ImageIndex:
        index = self.store.image(name)
        assert index is not None
        return index

    def tags(self, name: str) -> dict[str, str]:
        return self.image(name).tags

    def versions(self, name: str, track: str = "latest") -> list[str | None]:
        """Of the builds of a track, oldest first."""
        return [build.version for build in self.builds(name, track)]

    def builds(self, name: str, track: str = "latest") -> list[Build]:
        return [build for build in self.image(name).builds if build.track == track]

    def packages(self, name: str) -> dict[tuple[str, str], frozenset[str]]:
        return expand(self.store.packages(name))

    def elsewhere(self, folder: Path) -> "Index":
        """An index of the same images that knows nothing yet."""
        return replace(self, folder=folder)


@pytest.fixture
def upstream() -> Iterator[ExampleUpstream]:
    with ExampleUpstream() as running:
        yield running


@pytest.fixture(scope="module")
def options() -> Options:
    """Those that the upstream of a module starts with."""
    return Options()


@pytest.fixture(scope="module")
def running(options: Options) -> Iterator[ExampleUpstream]:
    """One for a whole module."""
    with ExampleUpstream(options) as upstream:
        yield upstream


@pytest.fixture
def shared(running: ExampleUpstream) -> Iterator[ExampleUpstream]:
    """That of the module: a test finds it without requests, leaves it without faults, and changes nothing in it."""
    running.requests.clear()
    yield running
    running.faults.clear()


@pytest.fixture
def nginx(upstream: ExampleUpstream, tmp_path: Path) -> Index:
    """An index of the example's nginx, all of its history."""
    return Index(upstream, tmp_path / "index", ALWAYS)


@pytest.fixture(scope="session")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Expected:
    """What a run that nothing disturbs makes of nginx, as at an upstream's address."""
    with ExampleUpstream() as upstream:
        index = Index(upstream, tmp_path_factory.mktemp("clean"), ALWAYS)
        index.refresh()
        content, host = index.content(), upstream.host
    return lambda upstream: {
        path: data.replace(host.encode(), upstream.host.encode()) for path, data in content.items()
    }
