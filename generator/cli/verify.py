"""`reverse-registry verify`."""

from pathlib import Path

import typer

from generator.cli.conventions import FAILED, AsJson, Index, TrustedRoot
from generator.cli.output import show_json, show_line
from generator.cli.queries.arguments import ImageTag
from generator.errors import ConfigurationError
from generator.images import Image
from generator.query.library import Library
from generator.query.reference import Reference
from generator.record.index import Build, ImageIndex
from generator.resolve.snapshot import Snapshot
from generator.resolve.verification import Verification
from generator.resolve.verification import verify as verify_build
from generator.trust.loading import load_verifiers
from generator.trust.policy import Verifier
from generator.upstream import Client, Connections, Limits
from generator.upstream.challenge import Realm
from generator.upstream.credentials import CredentialStore


def verify(
    image: ImageTag, index: Index = Path("index"), trusted_root: TrustedRoot = None, as_json: AsJson = False
) -> None:
    """Ask the upstream for a build's attestations, and show who signed each, step by step.

    Exit code: 0 where the version's own SBOM is signed by whom images.toml trusts, 1 where it is not, 2 where
    images.toml says of nobody that they have to sign, or something else is asked wrongly.
    """
    library = Library(index)
    found = library.resolve(Reference.parse(image))
    wanted = library.wanted[found.image]
    if wanted.trust is None:
        raise ConfigurationError(f"{found.image}: images.toml has no [trust] for it: nobody has to sign its SBOMs")
    verifier = load_verifiers({found.image: wanted.trust}, index, trusted_root)[found.image]
    reasons: list[str] = []
    done = _verify(library.image(found.image), found.build, wanted, verifier, reasons)
    if as_json:
        show_json({"image": found.image, "build": found.build, "attestations": done, "notes": reasons})
    else:
        show_line(f"{found.image}@{found.build.digest}: to be signed by {wanted.trust}")
        for each in done:
            _show(each, found.build)
        for reason in reasons or ([] if done else ["nothing is attached"]):
            show_line(reason)
    sbom = found.build.sbom
    if sbom is None or not any(each.signer and each.digest == sbom.digest for each in done):
        raise typer.Exit(FAILED)


def _verify(
    index: ImageIndex, build: Build, wanted: Image, verifier: Verifier, reasons: list[str]
) -> list[Verification]:
    limits = Limits()
    realm = Realm(index.auth.realm, index.auth.service) if index.auth else None
    with Connections(1, limits.patience) as connections:
        client = Client(wanted.repository, connections, limits, realm, CredentialStore.from_environment())
        return list(verify_build(Snapshot(client, client.manifest(build.digest)), verifier, reasons))


def _show(verification: Verification, build: Build) -> None:
    is_source = build.sbom is not None and build.sbom.digest == verification.digest
    of = f", which version {build.version} was read from" if is_source and build.version else ""
    show_line("")
    show_line(f"{verification.kind} {verification.digest}{of}")
    for step in verification.steps:
        show_line(f"  ok       {step}")
    if verification.reason:
        show_line(f"  refused  {verification.reason}")
