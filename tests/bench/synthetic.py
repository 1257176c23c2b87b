"""An index of any size, as a refresh writes it but for its pages: `python -m tests.bench.synthetic FOLDER`.

Seeded: the same numbers give the same bytes. Of 200 builds of an image 50 moving tags come, and one unique tag each.
"""

import argparse
import random
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from generator.record.index import Auth, Build, Catalogue, ImageIndex, PackageLog, Sbom, Summary, Track, schema
from generator.record.merge import image_index, merge_builds
from generator.record.packages import compact
from generator.record.store import Store

TRACKS = ("latest", "latest-dev")
LIBRARIES = 40
BUMPED = 3

_BEGAN = datetime(2024, 1, 1, tzinfo=UTC)
_SPAN = timedelta(days=730)
_VERSIONS = 12
_PATCHES = ("0-r0", "1-r0", "1-r1", "2-r0")


@dataclass(frozen=True)
class Synthetic:
    """`builds` of all images together, a multiple of `images` times the two tracks; `upstream` is `host/path`."""

    images: int = 1000
    builds: int = 200_000
    upstream: str = "cgr.dev/chainguard"
    seed: int = 0

    @property
    def names(self) -> list[str]:
        return [f"image-{number:04}" for number in range(self.images)]

    @property
    def on_a_track(self) -> int:
        """How many builds each track of an image has had."""
        return max(1, self.builds // (self.images * len(TRACKS)))

    @property
    def realm(self) -> str:
        host = self.upstream.partition("/")[0]
        return f"{'http' if host.startswith('localhost') else 'https'}://{host}/token"

    def digest(self, *of: object) -> str:
        return f"sha256:{sha256(repr((self.seed, *of)).encode()).hexdigest()}"

    def head(self, name: str, track: str) -> str:
        """The digest of the newest build on a track."""
        return self.digest(name, track, self.on_a_track - 1)

    def image(self, name: str) -> tuple[ImageIndex, PackageLog]:
        contents: dict[tuple[str, str], frozenset[str]] = {}
        builds: list[Build] = []
        for track in TRACKS:
            for build, packages in self.track(name, track):
                builds.append(build)
                contents[build.key] = packages
        ordered = merge_builds((), builds)
        index, _ = image_index(
            name=name,
            repository=f"{self.upstream}/{name}",
            auth=Auth(realm=self.realm, service=self.upstream.partition("/")[0]),
            tracks={track: Track(digest=self.head(name, track), since=_BEGAN) for track in TRACKS},
            watched=TRACKS,
            builds=ordered,
            constraint=None,
        )
        return index, compact(name, ordered, contents)

    def track(self, name: str, track: str) -> Iterator[tuple[Build, frozenset[str]]]:
        """Every build brings some libraries at another version; the main package's changes now and then."""
        chance = random.Random(f"{self.seed} {name} {track}")
        versions = [chance.randrange(9) for _ in range(LIBRARIES)]
        for number in range(self.on_a_track):
            for library in chance.sample(range(LIBRARIES), BUMPED):
                versions[library] += 1
            minor, patch = divmod(number * _VERSIONS // self.on_a_track, len(_PATCHES))
            main = f"{name}@1.{minor}.{_PATCHES[patch]}"
            packages = [f"apk/wolfi/library-{library}@{version}.0-r0" for library, version in enumerate(versions)]
            created = _BEGAN + _SPAN * (number / self.on_a_track) + timedelta(seconds=chance.randrange(3600))
            digest = self.digest(name, track, number)
            yield (
                Build(
                    digest=digest,
                    media_type="application/vnd.oci.image.index.v1+json",
                    size=1603,
                    track=track,
                    version=main.partition("@")[2],
                    purl=f"pkg:apk/wolfi/{main}",
                    created=created.replace(microsecond=0),
                    seen=created.replace(microsecond=0) + timedelta(minutes=14, milliseconds=312),
                    platforms={f"linux/{each}": self.digest(each, digest) for each in ("amd64", "arm64")},
                    sbom=Sbom(
                        kind="cosign-attestation",
                        format="spdx",
                        digest=self.digest("sbom", digest),
                        verified=False,
                        identity=None,
                    ),
                ),
                frozenset([*packages, f"apk/wolfi/{main}"]),
            )

    def write(self, folder: Path) -> None:
        """Into a folder that need not exist; every core takes its share of the images."""
        folder.mkdir(parents=True, exist_ok=True)
        tables = "".join(f"\n[images.{name}]\n" for name in self.names)
        (folder / "images.toml").write_text(f'upstream = "{self.upstream}"\n{tables}')
        with ProcessPoolExecutor() as pool:
            written = pool.map(self._write, [folder] * self.images, self.names, chunksize=8)
            summaries = dict(zip(self.names, written, strict=True))
        store = Store(folder)
        store.write("schema.json", schema())
        store.write("index.json", Catalogue(upstream=self.upstream, images=summaries))

    def _write(self, folder: Path, name: str) -> Summary:
        index, packages = self.image(name)
        store = Store(folder)
        store.write(f"{name}/packages.json", packages)
        store.write(f"{name}/index.json", index)
        newest = next(build for build in reversed(index.builds) if build.track == TRACKS[0])
        return Summary(
            repository=index.repository,
            refreshed=True,
            frozen=False,
            package=index.package,
            version=newest.version,
            digest=newest.digest,
            created=newest.created,
            builds=len(index.builds),
            tags=len(index.tags),
        )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.synthetic", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=Synthetic.images)
    parser.add_argument("--builds", type=int, default=Synthetic.builds, help="of all images together")
    parser.add_argument("--upstream", default=Synthetic.upstream)
    parser.add_argument("--seed", type=int, default=Synthetic.seed)
    given = parser.parse_args()
    made = Synthetic(given.images, given.builds, given.upstream, given.seed)
    began = time.perf_counter()
    made.write(given.folder)
    catalogue = Store(given.folder).catalogue()
    summaries = catalogue.images.values() if catalogue else ()
    builds, tags = sum(each.builds for each in summaries), sum(each.tags for each in summaries)
    print(f"{given.images} images, {builds} builds, {tags} tags in {time.perf_counter() - began:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
