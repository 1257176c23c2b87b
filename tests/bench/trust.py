"""What it costs to believe only what is signed, side by side with believing all: `python -m tests.bench.trust`.

The same builds, signed, are learned by two refreshes of two indexes, in turn; then each form of attestation is
opened many times in this process. The signatures are those of the example upstream's Sigstore.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from generator.trust.policy import Attestation, Identity
from generator.trust.verifier import Verifiers
from tests.bench.first import builds, children
from tests.bench.machine import facts
from tests.example import refresh
from tests.upstream import ExampleUpstream
from tests.upstream.attestation import statement
from tests.upstream.sigstore import BUNDLE_V1, IDENTITY, ISSUER, Kind, Sigstore

_TIMES = 200
_TRUST = f'[trust]\nissuer = "{ISSUER}"\nidentity = "{IDENTITY}"\n'


def opening(sigstore: Sigstore, root: Path) -> None:
    """Milliseconds of CPU for one attestation of each form."""
    verifier = Verifiers(root.parent, root).of(Identity(ISSUER, IDENTITY))
    (build,) = builds("one", 1, 40)
    image, attestations = build.platforms[0]
    document = json.loads(attestations.children[1].data)
    kinds: tuple[Kind, ...] = ("dsse", "intoto", "intoto-v2")
    for kind in kinds:
        signed = sigstore.sign(
            statement("https://spdx.dev/Document", document, image.digest), at=build.created, kind=kind
        )
        forms = {
            "cosign": signed.layer(),
            "bundle v0.1": replace(signed, proof={}).bundle(BUNDLE_V1),
            "bundle v0.3": signed.bundle(),
        }
        for form, content in forms.items():
            attestation = Attestation(content.media_type, content.data, content.annotations)
            verifier.open(attestation, [])
            began = time.process_time()
            for _ in range(_TIMES):
                verifier.open(attestation, [])
            print(f"{form}, entry {kind:<12} {1000 * (time.process_time() - began) / _TIMES:>8.2f} ms of CPU")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.trust", description=__doc__)
    parser.add_argument("--images", type=int, default=10)
    parser.add_argument("--builds", type=int, default=50, help="of each image")
    parser.add_argument("--pairs", type=int, default=3)
    given = parser.parse_args()
    print(facts("sigstore"))
    sigstore = Sigstore()
    names = [f"image-{number}" for number in range(given.images)]
    made = [build for name in names for build in builds(name, given.builds, 40)]
    with ExampleUpstream(catalogue=()) as upstream, tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "trusted_root.json"
        root.write_text(json.dumps(sigstore.trusted_root))
        for build in made:
            upstream.push(replace(build, attest=sigstore.attest(build.created)), "latest")
        tables = "".join(f'[images.{name}]\ntracks = ["latest"]\nsince = "always"\n' for name in names)
        cpu: dict[str, list[float]] = {"": [], _TRUST: []}
        requests: dict[str, float] = {}
        for pair in range(given.pairs):
            for trust, spent in cpu.items():
                index = Path(folder) / f"{pair}{bool(trust)}"
                index.mkdir()
                (index / "images.toml").write_text(f'upstream = "{upstream.host}/chainguard"\n{trust}{tables}')
                upstream.requests.clear()
                before = children()
                done = refresh(index, "--jobs", "16", "--trusted-root", str(root))
                assert f"{len(made)} new builds" in done.stdout, done.stdout + done.stderr
                spent.append(1000 * (children() - before) / len(made))
                requests[trust] = len(upstream.requests) / len(made)
        without, with_trust = (sorted(spent)[len(spent) // 2] for spent in cpu.values())
        print(
            f"CPU of a build: {with_trust / without:.2f} of that without trust ({without:.1f} to {with_trust:.1f} ms)"
        )
        print(f"requests of a build: {requests['']:.2f} without trust, {requests[_TRUST]:.2f} with it")
        opening(sigstore, root)
    return 0


if __name__ == "__main__":
    sys.exit(main())
