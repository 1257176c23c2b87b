"""How a repository grows with the index in it: `python -m tests.bench.growth`.

Every refresh finds one new build and is a commit. The baseline is what cannot be made smaller: the four digests of
a build (its index, two platforms, its SBOM), 32 bytes each.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from generator.images import Image, parse
from generator.record.index import Auth, Build, Catalogue, ImageIndex, Track, encode, schema
from generator.record.merge import image_index, merge_builds, summarize
from generator.record.packages import compact
from generator.record.stamps import FILE, Stamps, source_stamp, stamp
from generator.render.pages import render_catalogue, render_image
from tests.bench.machine import facts
from tests.bench.synthetic import TRACKS, Synthetic

DIGESTS = 4 * 32
KINDS = {"index.json": "index.json", "packages.json": "packages.json", "README.md": "README.md of an image"}


@dataclass
class Growing:
    """An index to which one build after the other is added, as a refresh would."""

    made: Synthetic
    images: dict[str, Image]
    indexes: dict[str, ImageIndex] = field(default_factory=dict)
    contents: dict[str, dict[tuple[str, str], frozenset[str]]] = field(default_factory=dict)
    stamps: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, build: Build, packages: frozenset[str]) -> dict[str, bytes]:
        """Gives the files that are written."""
        known, image = self.indexes.get(name), self.images[name]
        builds = merge_builds(known.builds if known else (), (build,))
        contents = self.contents.setdefault(name, {})
        contents[build.key] = packages
        tracks = dict(known.tracks) if known else {}
        index, _ = image_index(
            name=name,
            repository=str(image.repository),
            auth=Auth(realm=self.made.realm, service=None),
            tracks=tracks | {build.track: Track(digest=build.digest, since=builds[0].seen)},
            watched=image.tracks,
            builds=builds,
            before=known,
            constraint=None,
        )
        self.indexes[name] = index
        data = encode(index)
        self.stamps[name] = stamp(source_stamp(image, data), summarize(index, image))
        catalogue = Catalogue(
            upstream=self.made.upstream,
            images={each: summarize(index, Image(each, image.repository)) for each, index in self.indexes.items()},
        )
        pages = render_image(index, image.tracks, contents)
        return {
            f"{name}/packages.json": encode(compact(name, builds, contents)),
            f"{name}/index.json": data,
            **{f"{name}/{page}": text.encode() for page, text in pages.items()},
            "index.json": encode(catalogue),
            "README.md": render_catalogue(catalogue).encode(),
            "schema.json": schema(),
            FILE: encode(Stamps(images=dict(self.stamps))),
        }


def arrivals(made: Synthetic) -> Iterator[tuple[str, Build, frozenset[str]]]:
    """Every build of every image, in the order in which they were made."""
    all_ = [
        (name, build, packages)
        for name in made.names
        for track in TRACKS
        for build, packages in made.track(name, track)
    ]
    yield from sorted(all_, key=lambda each: (each[1].seen, each[0], each[1].track))


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, text=True).stdout


def commit(number: int, at: int, files: dict[str, bytes]) -> Iterator[bytes]:
    """In the language of `git fast-import`."""
    message = f"Refresh {number}".encode()
    yield b"commit refs/heads/main\ncommitter refresh <refresh@example.com> %d +0000\n" % at
    yield b"data %d\n%s\n" % (len(message), message)
    for path, data in files.items():
        yield b"M 100644 inline index/%s\ndata %d\n%s\n" % (path.encode(), len(data), data)


def kind(path: str) -> str:
    name = path.rpartition("/")[2]
    if path.count("/") < 2:
        return f"{name} of the catalogue" if name in KINDS else name
    return KINDS.get(name, "pages of years")


def packed(folder: Path) -> Counter[str]:
    """Bytes in the pack by kind of file; commits and folders are kinds too."""
    paths = dict(line.partition(" ")[::2] for line in git(folder, "rev-list", "--objects", "--all").splitlines())
    (pack,) = (folder / ".git" / "objects" / "pack").glob("*.idx")
    sizes: Counter[str] = Counter()
    for line in git(folder, "verify-pack", "-v", str(pack)).splitlines():
        words = line.split()
        if len(words) >= 5 and words[1] in {"blob", "tree", "commit"}:
            sizes[kind(paths[words[0]]) if words[1] == "blob" else f"{words[1]}s"] += int(words[3])
    return sizes


def pack_size(folder: Path) -> int:
    return sum(path.stat().st_size for path in (folder / ".git" / "objects" / "pack").glob("*.pack"))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.growth", description=__doc__)
    parser.add_argument("--refreshes", type=int, default=1000)
    parser.add_argument("--images", type=int, default=10)
    given = parser.parse_args()
    made = Synthetic(given.images, given.refreshes)
    tables = "".join(f"[images.{name}]\n" for name in made.names)
    images = dict(parse(f'upstream = "{made.upstream}"\n{tables}'.encode(), "images.toml").images)
    growing = Growing(made, images)
    last: dict[str, bytes] = {}
    began = time.perf_counter()
    print(facts())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        git(folder, "init", "--quiet", "--initial-branch", "main")
        importing = subprocess.Popen(["git", "-C", name, "fast-import", "--quiet"], stdin=subprocess.PIPE)
        assert importing.stdin
        count = 0
        for count, (image, build, packages) in enumerate(arrivals(made), 1):
            files = growing.add(image, build, packages)
            changed = {path: data for path, data in files.items() if last.get(path) != data}
            last |= changed
            importing.stdin.writelines(commit(count, int(build.seen.timestamp()), changed))
        importing.stdin.close()
        assert importing.wait() == 0
        # As `git gc` packs loose objects; it would keep what fast-import has packed in haste.
        git(folder, "repack", "-a", "-d", "-f", "--quiet")
        sizes, pack = packed(folder), pack_size(folder)
        git(folder, "repack", "-a", "-d", "-f", "--quiet", "--window=250")
        wide = pack_size(folder)
    print(f"{count} refreshes with one new build each, {given.images} images; {time.perf_counter() - began:.0f} s")
    total = sum(map(len, last.values()))
    print(f"index/ at the end: {total} bytes, {total / count:.0f} a build; the pack after gc: {pack} bytes")
    print(f"pack: {pack / count:.0f} bytes a build, {pack / count / DIGESTS:.1f} of the baseline ({DIGESTS});")
    print(f"      {wide / count:.0f} where git compares 250 objects at a time, not 10 (git gc --aggressive)\n")
    plain: Counter[str] = Counter()
    for path, data in last.items():
        plain[kind(f"index/{path}")] += len(data)
    print(f"{'bytes a build':<28} {'in index/':>10} {'in the pack':>12}")
    for name in sorted({*plain, *sizes}, key=lambda name: -sizes[name]):
        print(f"{name:<28} {plain[name] / count:>10.0f} {sizes[name] / count:>12.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
