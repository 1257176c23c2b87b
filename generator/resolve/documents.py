"""The documents of a build, each verified to be about it, read one place at a time and no sooner than asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, islice

from generator.errors import MalformedError, TransientError, UpstreamError
from generator.package.purl import Package
from generator.record.index import FormatName, Kind
from generator.resolve.envelope import Open, Statement, attestation, is_enveloped, open_payload, opener_of, unwrap
from generator.resolve.formats import FORMATS, SPDX, Format, of_document
from generator.resolve.formats.spdx import described_images
from generator.resolve.homes import Attachment, attachments
from generator.resolve.refused import Refused
from generator.resolve.snapshot import Snapshot
from generator.trust.policy import SignatureError, Signer, Verifier

# Of documents that one place keeps of one image; beyond so many they are copies of each other, or a nuisance.
_MOST = 16


@dataclass(frozen=True, slots=True)
class Source:
    """What packages were read from: the attachment's kind, the document's format, and the digest of the blob.

    `signer` is None where nobody was asked to sign.
    """

    kind: Kind
    format: FormatName
    digest: str
    signer: Signer | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A document that lists packages."""

    kind: Kind
    format: Format
    digest: str
    packages: frozenset[Package]
    signer: Signer | None = None

    @property
    def source(self) -> Source:
        return Source(self.kind, self.format.name, self.digest, self.signer)

    @property
    def order(self) -> tuple[int, int, str]:
        """Its place among others of the same rank, whatever order a registry lists them in."""
        return FORMATS.index(self.format), -len(self.packages), self.digest


_Found = tuple[Format, int, Attachment | Document]


class Documents:
    """`wanted` is a purl type to read beside the installed ones. What could not be read is named in `reasons`.

    With a `verifier`, only what it opens is read, and only the bytes that it found to be signed. What is `refused` is
    not downloaded again.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        wanted: str,
        reasons: list[str],
        verifier: Verifier | None,
        refused: Refused,
    ) -> None:
        self._snapshot = snapshot
        self._wanted = wanted
        self._reasons = reasons
        self._verifier = verifier
        self._refused = refused
        self._others: list[_Found] = []
        self._places = 0

    def sboms(self) -> Iterator[list[Document]]:
        """Those of one place at a time, of the image, or where that has none of the index that it is in.

        What is no SBOM is left for `others`.
        """
        for subject in self._snapshot.subjects:
            has_sbom = False
            for found in attachments(self._snapshot, subject, self._reasons, self._refused):
                if sboms := self._sboms(found):
                    has_sbom = True
                    yield sboms
            if has_sbom:
                return

    def _sboms(self, found: list[Attachment]) -> list[Document]:
        self._places += 1
        found = [each for each in found if self._may_be_signed(each)]
        self._others += [(each.format, self._places, each) for each in found if each.format and not each.format.is_sbom]
        unread = (each for each in found if each.format is None or each.format.is_sbom)
        documents = [document for each in islice(unread, _MOST) if (document := self._document(each))]
        self._others += [(each.format, self._places, each) for each in documents if not each.format.is_sbom]
        return [document for document in documents if document.format.is_sbom]

    def others(self) -> Iterator[list[Document]]:
        """Those of one format, place and subject at a time."""
        ordered = sorted(self._others, key=_rank)
        for _, group in groupby(ordered, key=_rank):
            found = (each for _, _, each in islice(group, _MOST))
            read = [each if isinstance(each, Document) else self._document(each) for each in found]
            if documents := [document for document in read if document]:
                yield documents

    def _document(self, attachment: Attachment) -> Document | None:
        """None where it is not what it should be or lists no package."""
        attached = attachment.subject, attachment.blob.digest
        if attached in self._refused:
            self._reasons.append(f"{self._what(attachment)}: was read before, and gave nothing")
            return None
        try:
            with self._snapshot.client.holding(attachment.blob):
                format_, packages, signer = self._read(attachment)
        except TransientError:
            raise
        except (UpstreamError, MalformedError, SignatureError) as error:
            self._reasons.append(str(error))
            if isinstance(error, MalformedError):
                self._refused.add(attached)
            return None
        digest = attachment.blob.digest
        if not packages:
            self._reasons.append(f"the {format_.name} document {digest} names no installed package")
            self._refused.add(attached)
            return None
        return Document(attachment.kind, format_, digest, packages, signer)

    def _may_be_signed(self, attachment: Attachment) -> bool:
        """Whether it is worth its download: a plain document and a bare statement are in no envelope."""
        if self._verifier is None or is_enveloped(attachment.open) or not (attachment.open or attachment.format):
            return True
        self._reasons.append(f"{self._what(attachment)}: unsigned: it is in no envelope")
        self._refused.add((attachment.subject, attachment.blob.digest))
        return False

    def _what(self, attachment: Attachment) -> str:
        return f"{self._snapshot.client.repository}: {attachment.kind} {attachment.blob.digest}"

    def _read(self, attachment: Attachment) -> tuple[Format, frozenset[Package], Signer | None]:
        what, signer = self._what(attachment), None
        data = self._snapshot.client.blob(attachment.blob)
        open_, format_ = attachment.open, attachment.format
        if open_ is None and format_ is None:
            open_, format_ = opener_of(data), of_document(data)
        if self._verifier is not None:
            statement, signer = self._verified(self._verifier, attachment, open_, data)
            format_, data = unwrap(statement, attachment.subject, what)
        elif open_ is not None:
            format_, data = unwrap(open_(data, what), attachment.subject, what)
        if format_ is None:
            raise MalformedError(f"{what}: of no known format")
        if format_ is SPDX and (open_ is not None or signer):
            self._check_described(data, what)
        return format_, format_.read(data, what, self._wanted), signer

    def _check_described(self, data: bytes, what: str) -> None:
        """A statement can be about one image, and the document in it about another. Raises `MalformedError`."""
        described = described_images(data, what)
        if described and described.isdisjoint(self._snapshot.subjects):
            raise MalformedError(f"{what}: the document in the attestation is about {min(described)}")

    def _verified(
        self, verifier: Verifier, attachment: Attachment, open_: Open | None, data: bytes
    ) -> tuple[Statement, Signer]:
        """Raises `SignatureError` or `MalformedError`."""
        what = self._what(attachment)
        try:
            signed = verifier.open(attestation(attachment.blob, open_, data), [])
        except SignatureError as error:
            raise SignatureError(f"{what}: {error}") from None
        return open_payload(signed.payload_type, signed.payload, what), signed.signer


def _rank(found: _Found) -> tuple[int, int]:
    format_, place, _ = found
    return FORMATS.index(format_), place
