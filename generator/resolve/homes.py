"""Every place where a registry keeps what was attached to an image. A home is a function.

Each looks at manifests only and yields what could be opened; nothing is downloaded before it is asked for.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

from generator.errors import MalformedError, NotFoundError, TransientError, UpstreamError
from generator.record.index import Kind
from generator.reference import is_tag
from generator.resolve.envelope import Open, may_list, opener
from generator.resolve.formats import FORMATS, SPDX, Format, of_media_type, of_predicate
from generator.resolve.refused import Refused
from generator.resolve.snapshot import REFERENCE_TYPE, Snapshot
from generator.upstream import Client, Descriptor, Manifest

_PREDICATE_ANNOTATIONS = (
    "predicateType",
    "in-toto.io/predicate-type",
    "dev.sigstore.bundle.predicateType",
)
_TITLE = "org.opencontainers.image.title"
_JSON = frozenset({"application/json", "text/json"})
_SIGNATURES = ("signature", ".sig.", "+sig")
# Registries set no bound to what anyone may attach. Beyond so many, the likeliest are looked at, or the first.
_MOST = 16


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


def buildkit(snapshot: Snapshot, subject: str, refused: Refused) -> Iterator[Attachment]:
    """Attestation manifests inside the image index itself (BuildKit, attestation-storage.md).

    The first SPDX document is about the image; those behind it are about the stages it was built in. One that gave
    nothing before is not asked for.
    """
    entries = (entry for entry in snapshot.entries if entry.annotation(REFERENCE_TYPE) == "attestation-manifest")
    of_subject = (entry for entry in entries if entry.annotation("vnd.docker.reference.digest") == subject)
    for descriptor in islice(of_subject, _MOST):
        attached = subject, descriptor.digest
        if attached in refused:
            continue
        layers = snapshot.client.manifest(descriptor).manifest.layers
        stages = [layer for layer in layers if of_predicate(_predicate(layer)) is SPDX][1:]
        found = list(_opened("buildkit", subject, [layer for layer in layers if layer not in stages]))
        refused.hold(attached, [(subject, attachment.blob.digest) for attachment in found])
        yield from found


def cosign_attestation(snapshot: Snapshot, subject: str) -> Iterator[Attachment]:
    """cosign's tag `sha256-<hex>.att` (cosign, specs/SIGNATURE_SPEC.md)."""
    yield from _tagged("cosign-attestation", snapshot.client, subject, ".att")


def cosign_sbom(snapshot: Snapshot, subject: str) -> Iterator[Attachment]:
    """cosign's tag `sha256-<hex>.sbom` (cosign, specs/SBOM_SPEC.md)."""
    yield from _tagged("cosign-sbom", snapshot.client, subject, ".sbom")


def referrers(snapshot: Snapshot, subject: str, refused: Refused) -> Iterator[Attachment]:
    """OCI 1.1 referrers, or their fallback tag (distribution-spec, "Listing Referrers").

    What a listing says of a referrer's type may be missing, empty or somebody's own word: then its manifest tells.
    One that cannot be read keeps none of the others away, and is what is raised in the end. One that gave nothing
    before is not asked for.
    """
    unread: UpstreamError | MalformedError | None = None
    likely = [referrer for referrer in snapshot.client.referrers(subject) if _is_likely(referrer)]
    for referrer in sorted(likely, key=lambda each: (_rank(each), _unlikeliness(each), each.digest))[:_MOST]:
        attached = subject, referrer.digest
        if attached in refused:
            continue
        try:
            manifest = snapshot.client.manifest(referrer).manifest
        except TransientError:
            raise
        except (UpstreamError, MalformedError) as error:
            unread = unread or error
            if isinstance(error, MalformedError):
                refused.add(attached)
            continue
        if manifest.subject is None or manifest.subject.digest != subject:
            refused.add(attached)
            continue
        types = (referrer.artifact_type, manifest.artifact_type, manifest.config and manifest.config.media_type)
        type_ = next((type_ for type_ in types if type_ and (of_media_type(type_) or opener(type_))), "")
        predicate = _predicate(referrer) or _predicate(manifest)
        found = list(_opened("referrer", subject, manifest.layers, type_, predicate))
        refused.hold(attached, [(subject, attachment.blob.digest) for attachment in found])
        yield from found
    if unread is not None:
        raise unread


def attachments(snapshot: Snapshot, subject: str, reasons: list[str], refused: Refused) -> Iterator[list[Attachment]]:
    """Everything attached to `subject`, home by home.

    A home that is not as it should be is passed over and named in `reasons`; raises `TransientError`.
    """
    homes: tuple[Home, ...] = (
        partial(buildkit, refused=refused),
        cosign_attestation,
        cosign_sbom,
        partial(referrers, refused=refused),
    )
    for home in homes:
        found: dict[str, Attachment] = {}
        try:
            for attachment in home(snapshot, subject):
                found.setdefault(attachment.blob.digest, attachment)
        except TransientError:
            raise
        except (UpstreamError, MalformedError) as error:
            reasons.append(str(error))
        yield list(found.values())


def _tagged(kind: Kind, client: Client, subject: str, suffix: str) -> Iterator[Attachment]:
    tag = subject.replace(":", "-", 1) + suffix
    if not is_tag(tag):
        return
    try:
        fetched = client.manifest(tag)
    except NotFoundError:
        return
    yield from _opened(kind, subject, fetched.manifest.layers)


def _opened(
    kind: Kind, subject: str, layers: "tuple[Descriptor, ...] | list[Descriptor]", type_: str = "", predicate: str = ""
) -> Iterator[Attachment]:
    """The layers that may name packages. `type_` and `predicate` are their manifest's, where a layer does not say."""
    for layer in sorted(layers, key=lambda layer: (_rank(layer), layer.digest)):
        stated = _predicate(layer) or predicate
        plain = of_media_type(layer.media_type) or of_media_type(type_)
        wrapped = opener(layer.media_type) or (None if plain else opener(type_))
        if wrapped:
            if may_list(stated):
                yield Attachment(kind, subject, layer, wrapped, of_predicate(stated))
        elif plain:
            yield Attachment(kind, subject, layer, None, plain)
        elif kind == "referrer" and _may_be_json(layer):
            yield Attachment(kind, subject, layer, None, None)


def _rank(descriptor: Descriptor) -> int:
    format_ = of_predicate(_predicate(descriptor)) or of_media_type(descriptor.artifact_type or descriptor.media_type)
    return FORMATS.index(format_) if format_ else len(FORMATS)


def _unlikeliness(referrer: Descriptor) -> int:
    """Among referrers of no known format: attestations, then what calls itself an SBOM, then what says nothing."""
    type_ = (referrer.artifact_type or "").lower()
    if opener(type_):
        return 0
    if any(word in type_ for word in ("spdx", "cyclonedx", "bom")):
        return 1
    return 2 if not type_ or "vnd.oci." in type_ else 3


def _is_likely(referrer: Descriptor) -> bool:
    type_ = (referrer.artifact_type or "").lower()
    return may_list(_predicate(referrer)) and not any(word in type_ for word in _SIGNATURES)


def _may_be_json(layer: Descriptor) -> bool:
    return layer.media_type.partition(";")[0].strip().lower() in _JSON or layer.annotation(_TITLE).endswith(".json")


def _predicate(annotated: Descriptor | Manifest) -> str:
    return next(filter(None, map(annotated.annotation, _PREDICATE_ANNOTATIONS)), "")
