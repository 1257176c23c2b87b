"""What could be learned of a build's version, and from where; or why it could not."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from generator.errors import MalformedError, TransientError, UpstreamError, VersionUnknownError
from generator.record.index import FormatName, Kind
from generator.record.version import Version
from generator.resolve.envelope import unwrap
from generator.resolve.formats import FORMATS, Format
from generator.resolve.homes import Attachment, attachments
from generator.resolve.main_package import LABEL, main_package
from generator.resolve.package import Package
from generator.resolve.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Source:
    """The attachment that packages were read from."""

    kind: Kind
    format: FormatName
    digest: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """`package` is the main package, or None and then `reason` says why."""

    package: Package | None
    packages: frozenset[Package]
    source: Source | None
    reason: str = ""


def resolve(snapshot: Snapshot, names: Iterable[str], wanted: str | None) -> Resolution:
    """The main package of a build, from the first attachment that lists packages.

    What lists the installed packages goes before what merely names versions. Attachments that are not what they
    should be are passed over and end up in the reason. Raises `TransientError` where the upstream is at fault.
    """
    reasons: list[str] = []
    for attachment, format_, packages in _documents(snapshot, reasons):
        if not packages:
            reasons.append(f"the {format_.name} document {attachment.blob.digest} names no installed package")
            continue
        source = Source(attachment.kind, format_.name, attachment.blob.digest)
        label = "" if wanted else snapshot.config.labels.get(LABEL, "")
        try:
            package = main_package(packages, wanted, label, names)
            Version(package.type, package.version)
            return Resolution(package, packages, source)
        except (VersionUnknownError, ValueError) as error:
            return Resolution(None, packages, source, str(error))
    return Resolution(None, frozenset(), None, "; ".join(reasons) or "no SBOM is attached")


def _documents(snapshot: Snapshot, reasons: list[str]) -> Iterator[tuple[Attachment, Format, frozenset[Package]]]:
    deferred: list[tuple[Format, Attachment, frozenset[Package] | None]] = []
    for attachment in attachments(snapshot, reasons):
        if attachment.format and not attachment.format.is_sbom:
            deferred.append((attachment.format, attachment, None))
            continue
        for format_, packages in _try(snapshot, attachment, reasons):
            if format_.is_sbom:
                yield attachment, format_, packages
            else:
                deferred.append((format_, attachment, packages))
    for format_, attachment, read in sorted(deferred, key=lambda each: FORMATS.index(each[0])):
        if read is not None:
            yield attachment, format_, read
            continue
        for actual, packages in _try(snapshot, attachment, reasons):
            yield attachment, actual, packages


def _try(snapshot: Snapshot, attachment: Attachment, reasons: list[str]) -> Iterator[tuple[Format, frozenset[Package]]]:
    try:
        yield _read(snapshot, attachment)
    except TransientError:
        raise
    except (UpstreamError, MalformedError) as error:
        reasons.append(str(error))


def _read(snapshot: Snapshot, attachment: Attachment) -> tuple[Format, frozenset[Package]]:
    what = f"{snapshot.client.repository}: {attachment.kind} {attachment.blob.digest}"
    data = snapshot.client.blob(attachment.blob)
    if attachment.open is not None:
        format_, data = unwrap(attachment.open(data, what), attachment.subject, what)
    elif attachment.format is not None:
        format_ = attachment.format
    else:
        raise MalformedError(f"{what}: of no known format")
    return format_, format_.read(data, what)
