"""Every place where a registry keeps what was attached to an image. A home is a function in `HOMES`.

Each looks at manifests only and yields what could be opened; nothing is downloaded before it is asked for.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from generator.errors import MalformedError, NotFoundError, TransientError, UpstreamError
from generator.record.index import Kind
from generator.resolve.envelope import Open, opener
from generator.resolve.formats import FORMATS, Format, of_media_type, of_predicate
from generator.resolve.snapshot import REFERENCE_TYPE, Snapshot
from generator.upstream import Client, Descriptor
from generator.upstream.client import Fetched

_PREDICATE_ANNOTATIONS = (
    "predicateType",
    "in-toto.io/predicate-type",
    "dev.sigstore.bundle.predicateType",
)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A blob that should hold `format` about `subject`; `open` is how it is wrapped, None for a plain document.

    `format` is None where only opening it can tell.
    """

    kind: Kind
    subject: str
    blob: Descriptor
    open: Open | None
    format: Format | None


Home = Callable[[Snapshot, str], Iterator[Attachment]]


def buildkit(snapshot: Snapshot, subject: str) -> Iterator[Attachment]:
    """Attestation manifests inside the image index itself (BuildKit, attestation-storage.md)."""
    for descriptor in snapshot.top.manifest.manifests:
        if (
            descriptor.annotation(REFERENCE_TYPE) == "attestation-manifest"
            and descriptor.annotation("vnd.docker.reference.digest") == subject
        ):
            yield from _layers("buildkit", subject, snapshot.client.manifest(descriptor))


def cosign_attestation(snapshot: Snapshot, subject: str) -> Iterator[Attachment]:
    """cosign's tag `sha256-<hex>.att` (cosign, specs/SIGNATURE_SPEC.md)."""
    yield from _tagged("cosign-attestation", snapshot.client, subject, ".att")


def cosign_sbom(snapshot: Snapshot, subject: str) -> Iterator[Attachment]:
    """cosign's tag `sha256-<hex>.sbom` (cosign, specs/SBOM_SPEC.md)."""
    yield from _tagged("cosign-sbom", snapshot.client, subject, ".sbom")


def referrers(snapshot: Snapshot, subject: str) -> Iterator[Attachment]:
    """OCI 1.1 referrers, or their fallback tag (distribution-spec, "Listing Referrers")."""
    client = snapshot.client
    for referrer in sorted(client.referrers(subject), key=_rank):
        type_ = referrer.artifact_type or ""
        if not (of_media_type(type_) or opener(type_)) or not _may_help(referrer):
            continue
        manifest = client.manifest(referrer).manifest
        if manifest.subject is None or manifest.subject.digest != subject:
            continue
        for layer in manifest.layers:
            plain = of_media_type(layer.media_type) or of_media_type(type_)
            wrapped = opener(layer.media_type) or (None if plain else opener(type_))
            format_ = of_predicate(_predicate(layer) or _predicate(referrer)) if wrapped else plain
            yield Attachment("referrer", subject, layer, wrapped, format_)


HOMES: tuple[Home, ...] = (buildkit, cosign_attestation, cosign_sbom, referrers)


def attachments(snapshot: Snapshot, reasons: list[str]) -> Iterator[Attachment]:
    """Everything attached to the build, home by home, for the platform's image first and then for the index.

    A home that is not as it should be is passed over and named in `reasons`; raises `TransientError`.
    """
    for subject in snapshot.subjects:
        for home in HOMES:
            try:
                yield from home(snapshot, subject)
            except TransientError:
                raise
            except (UpstreamError, MalformedError) as error:
                reasons.append(str(error))


def _tagged(kind: Kind, client: Client, subject: str, suffix: str) -> Iterator[Attachment]:
    try:
        fetched = client.manifest(subject.replace(":", "-", 1) + suffix)
    except NotFoundError:
        return
    yield from _layers(kind, subject, fetched)


def _layers(kind: Kind, subject: str, fetched: Fetched) -> Iterator[Attachment]:
    for layer in sorted(fetched.manifest.layers, key=_rank):
        wrapped = opener(layer.media_type)
        plain = of_media_type(layer.media_type)
        if (wrapped and _may_help(layer)) or plain:
            format_ = of_predicate(_predicate(layer)) if wrapped else plain
            yield Attachment(kind, subject, layer, wrapped, format_)


def _rank(descriptor: Descriptor) -> int:
    format_ = of_predicate(_predicate(descriptor)) or of_media_type(descriptor.artifact_type or descriptor.media_type)
    return FORMATS.index(format_) if format_ else len(FORMATS)


def _predicate(descriptor: Descriptor) -> str:
    return next(filter(None, map(descriptor.annotation, _PREDICATE_ANNOTATIONS)), "")


def _may_help(descriptor: Descriptor) -> bool:
    """Whether the annotations leave it open that packages are named inside."""
    predicate = _predicate(descriptor)
    return not predicate or of_predicate(predicate) is not None
