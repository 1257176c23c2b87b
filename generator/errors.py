"""Everything the generator raises on purpose. Messages say what, where and what to do."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from generator.package.purl import Package


class ReverseRegistryError(Exception):
    """Base of all expected failures; its text is shown to the user as it stands."""


class ConfigurationError(ReverseRegistryError):
    """`images.toml` or a command's words are wrong; nothing was done."""


class BrokenIndexError(ReverseRegistryError):
    """A generated file is missing, unreadable, or not what this program wrote."""


class StorageError(ReverseRegistryError):
    """The index cannot be written, or somebody else is writing it."""


class MalformedError(ReverseRegistryError):
    """A document from outside is not what its type promises."""


class VersionUnknownError(ReverseRegistryError):
    """A build's version cannot be told. `reason` is the same for every such build, `candidates` are its own."""

    def __init__(self, message: str, reason: str, candidates: "tuple[Package, ...]") -> None:
        super().__init__(message)
        self.reason = reason
        self.candidates = candidates


class NoneFitsError(VersionUnknownError):
    """No package fits: another document about the build may list one that does."""


class UpstreamError(ReverseRegistryError):
    """An upstream registry did not give what was asked."""


class NotFoundError(UpstreamError):
    """The registry says that there is no such thing (404)."""


class AbsentError(NotFoundError):
    """The registry has none of an image's tracks: it is gone, or never was."""


class NotSupportedError(UpstreamError):
    """The registry does not know this kind of request (400, 405, 406, 501)."""


class TransientError(UpstreamError):
    """Worth another try: no connection, a timeout, 429, 5xx, or a body cut off."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RefusedError(UpstreamError):
    """The registry does not let it be read (401, 403)."""


class BudgetError(TransientError):
    """An image has had all the time that it may take of one refresh."""


class UntrustedError(UpstreamError):
    """The answer contradicts its digest or size, exceeds a bound, or leads where it may not."""
