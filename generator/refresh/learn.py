"""One build, from what the upstream keeps of it to what the index records."""

from dataclasses import dataclass

import msgspec

from generator.errors import MalformedError, NotFoundError, TransientError, UpstreamError, VersionUnknownError
from generator.images import Image
from generator.package.purl import parse_recorded
from generator.record.index import Build, Sbom, Unknown, utc
from generator.refresh.observe import BuildReference
from generator.resolve import Resolution, Snapshot, resolve, unknown
from generator.resolve.documents import Source
from generator.resolve.main_package import main_package
from generator.resolve.refused import Refused
from generator.trust.policy import Verifier
from generator.upstream import Client


@dataclass(frozen=True, slots=True)
class Learned:
    """`packages` as `packages.json` writes them; `reason` says why the version is unknown, where it is."""

    build: Build
    packages: frozenset[str] | None
    reason: str


def learn(
    client: Client,
    image: Image,
    reference: BuildReference,
    verifier: Verifier | None = None,
    refused: Refused | None = None,
) -> Learned | None:
    """None where the upstream no longer has the build. Raises `UpstreamError` or `MalformedError`."""
    try:
        snapshot = Snapshot(client, client.manifest(reference.digest))
        resolution = _resolve(snapshot, image, verifier, refused)
        created, platforms = snapshot.created, snapshot.platforms
    except NotFoundError:
        return None
    package, source = resolution.package, resolution.source
    build = Build(
        digest=snapshot.digest,
        media_type=snapshot.top.media_type,
        size=snapshot.top.size,
        track=reference.track,
        version=package.version if package else None,
        purl=package.purl if package else None,
        created=created.replace(microsecond=0) if created else None,
        seen=utc(reference.at),
        platforms=dict(sorted(platforms.items())),
        sbom=_sbom(source) if source else None,
        label=resolution.label or None,
        unknown=resolution.unknown,
    )
    packages = resolution.packages
    recorded = None if packages is None else frozenset(each.recorded for each in packages)
    return Learned(build, recorded, resolution.message)


def learn_again(build: Build, packages: frozenset[str], image: Image) -> Build:
    """A build derived anew from its recorded packages: its main package was not clear, or images.toml has changed."""
    installed = [package for each in packages if (package := parse_recorded(each))]
    try:
        package = main_package(installed, image.package, build.label or "", image.names)
    except VersionUnknownError as error:
        candidates = tuple(candidate.recorded for candidate in error.candidates)
        unclear = Unknown(reason=error.reason, candidates=candidates)
        return msgspec.structs.replace(build, version=None, purl=None, unknown=unclear)
    return msgspec.structs.replace(build, version=package.version, purl=package.purl, unknown=None)


def _sbom(source: Source) -> Sbom:
    signer = source.signer
    return Sbom(
        kind=source.kind,
        format=source.format,
        digest=source.digest,
        verified=signer is not None,
        identity=signer.identity if signer else None,
        issuer=signer.issuer or None if signer else None,
    )


def _resolve(snapshot: Snapshot, image: Image, verifier: Verifier | None, refused: Refused | None) -> Resolution:
    try:
        return resolve(snapshot, image, verifier, refused)
    except TransientError:
        raise
    except (UpstreamError, MalformedError) as error:
        return unknown(str(error))
