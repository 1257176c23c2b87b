"""What a first run costs, by request and by byte: `python -m tests.bench.first`.

The upstream is the example upstream in this process, the refresh is the command in its own. Which requests a build
takes is counted there; the baseline is the least that the protocol allows for a build whose main package the image's
label names: its index, one platform's manifest, that one's config (and its CDN hop) for the label, the attestations,
and the SBOM (and its CDN hop).
"""

import argparse
import re
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from generator.package.purl import parse_purl
from generator.resolve.envelope import open_dsse, unwrap
from tests.bench.machine import facts
from tests.example import refresh
from tests.upstream import Build, ExampleUpstream, Package
from tests.upstream.requests import Request

LEAST = {"index": 1, "platform": 1, "attestations": 1, "config or SBOM": 2, "config or SBOM from the CDN": 2}

_BEGAN = datetime(2025, 1, 1, tzinfo=UTC)


def builds(name: str, count: int, packages: int) -> Iterator[Build]:
    """One a day; each brings three packages at another version."""
    for number in range(count):
        others = (
            Package(f"library-{each}", f"1.{(number * 3 + 2 - each) // packages + 1}.0-r0") for each in range(packages)
        )
        version = f"1.{number // 10}.{number % 10}-r0"
        yield Build(name, version, _BEGAN + timedelta(days=number), (Package(name, version), *others), label=name)


def kind(request: Request, indexes: set[str]) -> str:
    if request.side == "cdn":
        return "config or SBOM from the CDN"
    if match := re.search(r"/manifests/(sha256:.+)$", request.path):
        return "index" if match[1] in indexes else "platform"
    kinds = {"/token": "token", ".att": "attestations", "/history/": "history", "/blobs/": "config or SBOM"}
    return next((name for part, name in kinds.items() if part in request.path), "HEAD of a track")


def parsing(made: Iterable[Build]) -> float:
    """Seconds of CPU for opening every build's SBOM, from its bytes on."""
    sboms = []
    for build in made:
        image, attestations = build.platforms[0]
        sboms.append((attestations.children[1].data, image.digest))
    parse_purl.cache_clear()
    began = time.process_time()
    for data, subject in sboms:
        format_, predicate = unwrap(open_dsse(data, ""), subject, "")
        format_.read(predicate, "", "")
    return time.process_time() - began


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.first", description=__doc__)
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--builds", type=int, default=100, help="of each image")
    parser.add_argument("--packages", type=int, default=40, help="in each build")
    given = parser.parse_args()
    names = [f"image-{number}" for number in range(given.images)]
    made = [build for name in names for build in builds(name, given.builds, given.packages)]
    indexes = {build.digest for build in made}
    print(facts("oras"))
    with ExampleUpstream(catalogue=()) as upstream, tempfile.TemporaryDirectory() as folder:
        for build in made:
            upstream.push(build, "latest")
        tables = "".join(f'[images.{name}]\ntracks = ["latest"]\nsince = "always"\n' for name in names)
        (Path(folder) / "images.toml").write_text(f'upstream = "{upstream.host}/chainguard"\n{tables}')
        began, before = time.perf_counter(), children()
        done = refresh(Path(folder), "--jobs", "16")
        seconds, cpu = time.perf_counter() - began, children() - before
        assert f"{len(made)} new builds" in done.stdout, done.stdout + done.stderr
        requests = list(upstream.requests)
    total = len(made)
    counts = Counter(kind(request, indexes) for request in requests)
    sizes: Counter[str] = Counter()
    for request in requests:
        sizes[kind(request, indexes)] += request.sent
    for name, count in counts.most_common():
        print(f"{name:<30} {count:>6} requests, {sizes[name] / total:>8.0f} bytes a build")
    of_builds = sum(counts[name] for name in LEAST)
    least = sum(LEAST.values())
    print(f"{of_builds / total:.2f} requests a build, {of_builds / total / least:.2f} of the least ({least})")
    print(f"{(len(requests) - of_builds) / given.images:.2f} more for each image: tokens, HEADs, history")
    print(f"{total} builds in {seconds:.1f} s, the upstream on the same cores; {1000 * cpu / total:.1f} ms of CPU each")
    share = parsing(made) / cpu
    print(f"parsing SBOMs of {given.packages} packages: {100 * share:.1f} % of that CPU")
    return 0


def children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    sys.exit(main())
