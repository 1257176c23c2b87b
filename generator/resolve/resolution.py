"""What could be learned of a build's version, and from where; or why it could not."""

import re
from dataclasses import dataclass, replace

from generator.document import printable
from generator.errors import NoneFitsError, VersionUnknownError
from generator.images import Image
from generator.package.purl import INSTALLED, Package, labelled
from generator.package.version import Version
from generator.record.index import Unknown
from generator.resolve.documents import Document, Documents, Source
from generator.resolve.main_package import agreed, main_package, own_label
from generator.resolve.refused import Refused
from generator.resolve.snapshot import Snapshot
from generator.trust.policy import Verifier

_DIGEST = re.compile(r"\b(sha(?:256|384|512))[:-][0-9a-f]{64,}")


@dataclass(frozen=True, slots=True)
class Resolution:
    """`package` is the main package, or None and then `unknown` says why; `message` says it of this very build.

    `packages` are None where no document lists any; `label` is what the image says itself that its package is.
    """

    package: Package | None
    packages: frozenset[Package] | None
    source: Source | None
    label: str = ""
    unknown: Unknown | None = None
    message: str = ""


def resolve(
    snapshot: Snapshot, image: Image, verifier: Verifier | None = None, refused: Refused | None = None
) -> Resolution:
    """The main package of a build, from the first place that keeps a document with it.

    What lists the installed packages goes before what merely names versions. Attachments that are not what they
    should be are passed over and end up in the message. With a `verifier`, so are those that are not signed as it
    wants, and what is never signed gives no version. Raises `UpstreamError` or `MalformedError` where the image
    itself cannot be read, and `TransientError` where the upstream is at fault.
    """
    reasons: list[str] = []
    resolution = _of_documents(snapshot, image, reasons, verifier, refused or Refused()) or unknown(
        "; ".join(reasons) or "no SBOM is attached"
    )
    if image.version_label and resolution.package is None and verifier is None:
        return _by_label(snapshot, image, image.version_label, resolution)
    return resolution


def _of_documents(
    snapshot: Snapshot, image: Image, reasons: list[str], verifier: Verifier | None, refused: Refused
) -> Resolution | None:
    """None where no document lists packages. Of SBOMs in other places, the next is asked where one has no fit."""
    documents = Documents(snapshot, image.package_type, reasons, verifier, refused)
    unclear: Resolution | None = None
    for sboms in documents.sboms():
        resolution, is_final = _judge(sboms, image, snapshot)
        if is_final:
            return resolution
        unclear = unclear or resolution
    if unclear is None and (others := next(documents.others(), None)):
        unclear, _ = _judge(others, image, snapshot)
    return unclear


def unknown(message: str) -> Resolution:
    """Of a build that no document was found for."""
    reason = printable(_DIGEST.sub(r"\1:...", message), 400)
    return Resolution(None, None, None, "", Unknown(reason=reason, candidates=()), message)


def _judge(documents: list[Document], image: Image, snapshot: Snapshot) -> tuple[Resolution, bool]:
    """What documents of one rank come to, in whatever order they are listed; False where none has the package."""
    label = "" if image.package else own_label(snapshot.config.labels, image.names)
    documents = sorted(documents, key=lambda document: document.order)
    found: dict[Package, Document] = {}
    failure: VersionUnknownError | None = None
    for document in documents:
        try:
            found.setdefault(main_package(document.packages, image.package, label, image.names), document)
        except NoneFitsError as error:
            failure = failure or error
        except VersionUnknownError as error:
            return _unclear(document, label, error), True
    first = documents[0]
    if not found:
        assert failure is not None  # noqa: S101
        return _unclear(first, label, failure), False
    try:
        package = agreed(found)
    except VersionUnknownError as error:
        resolution = _unclear(first, label, error)
        sources = ", ".join(f"{each.format.name} {each.digest}" for each in found.values())
        return replace(resolution, message=f"{error} (from {sources})"), True
    document = found[package]
    installed = (each for each in document.packages if each.type in INSTALLED)
    return Resolution(package, frozenset((package, *installed)), document.source, label), True


def _unclear(document: Document, label: str, error: VersionUnknownError) -> Resolution:
    candidates = tuple(candidate.recorded for candidate in error.candidates)
    unknown_ = Unknown(reason=error.reason, candidates=candidates)
    installed = frozenset(each for each in document.packages if each.type in INSTALLED)
    return Resolution(None, installed, document.source, label, unknown_, str(error))


def _by_label(snapshot: Snapshot, image: Image, key: str, otherwise: Resolution) -> Resolution:
    """The version that the image's label or annotation `key` states; `otherwise` where it states none."""
    config = snapshot.child.config
    version = snapshot.config.labels.get(key, "").strip()
    digest = config.digest if version and config else snapshot.digest
    for manifest in snapshot.child, snapshot.top.manifest:
        version = version or manifest.annotation(key).strip()
    package = labelled(image.names[0], version) if _is_version(version) else None
    if package is None:
        what = f"says {printable(version)!r}, which is no version" if version else "is not set"
        message = f"{otherwise.message}; the label {printable(key)} {what}"
        reason = (
            f"{otherwise.unknown.reason if otherwise.unknown else ''}; the label {printable(key)} states no version"
        )
        candidates = otherwise.unknown.candidates if otherwise.unknown else ()
        return replace(otherwise, unknown=Unknown(reason=reason, candidates=candidates), message=message)
    return Resolution(package, otherwise.packages, Source("label", "label", digest), otherwise.label)


def _is_version(text: str) -> bool:
    try:
        return Version("generic", text).is_valid
    except ValueError:
        return False
