"""What an HTTP answer says beside its body, and its body of a bounded size."""

import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests
import urllib3

from generator.document import printable
from generator.errors import (
    NotFoundError,
    NotSupportedError,
    RefusedError,
    TransientError,
    UntrustedError,
    UpstreamError,
)

_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
_UNSUPPORTED = frozenset({400, 405, 406, 501})
_CHUNK = 64 * 1024
_DEADLINE = 300.0


def bounded(response: requests.Response, limit: int, what: str, seconds: float = _DEADLINE) -> bytes:
    """At most `limit` bytes in at most `seconds`; raises the `UpstreamError` that any status but 200 stands for."""
    if response.status_code != 200:
        drain(response)
        raise _refusal(response, what)
    if response.headers.get("Content-Encoding", "identity") != "identity":
        # Not asked for; and what unpacks to nothing, without end, would never come to a limit.
        raise UntrustedError(f"{what}: is packed, as {printable(response.headers['Content-Encoding'], 50)}")
    content = bytearray()
    deadline = time.monotonic() + seconds
    for chunk in _chunks(response):
        if time.monotonic() > deadline:
            raise TransientError(f"{what}: still unfinished after {seconds:.0f} seconds")
        content += chunk
        if len(content) > limit:
            raise UntrustedError(f"{what}: more than {limit} bytes")
    return bytes(content)


def _chunks(response: requests.Response) -> Iterator[bytes]:
    """As much at a time as has come: waiting for a whole chunk would leave the pace to the other side."""
    try:
        while chunk := response.raw.read1(_CHUNK, decode_content=False):
            yield chunk
    except urllib3.exceptions.ReadTimeoutError as error:
        raise requests.ReadTimeout(str(error)) from None
    except urllib3.exceptions.HTTPError as error:
        raise requests.ConnectionError(str(error)) from None


def drain(response: requests.Response) -> None:
    """Reads a short body to its end, so that the connection can be used again; whatever it is, it does not matter."""
    with contextlib.suppress(requests.RequestException):
        next(_chunks(response), None)
        next(_chunks(response), None)


def date(response: requests.Response) -> datetime:
    """What the other side's clock says, or else this one's."""
    try:
        return parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError, OverflowError):
        return datetime.now(UTC).replace(microsecond=0)


def reason(error: Exception) -> str:
    """Why there was no answer, without the addresses and retries that the exception's own text holds."""
    if isinstance(error, requests.ConnectTimeout):
        return "no connection in time"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        is_untrusted = "CERTIFICATE_VERIFY_FAILED" in str(error)
        return "TLS failed: its certificate is of no authority that is trusted here" if is_untrusted else "TLS failed"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)):
        return "is sent on to what is no address on the web"
    return type(error).__name__


def _refusal(response: requests.Response, what: str) -> UpstreamError:
    status = response.status_code
    if status == 404:
        return NotFoundError(f"{what}: not found")
    if status in _UNSUPPORTED:
        return NotSupportedError(f"{what}: {status} {printable(response.reason)}")
    if is_transient(response):
        return TransientError(f"{what}: {status} {printable(response.reason)}", retry_after(response))
    if status in {401, 403}:
        return RefusedError(f"{what}: {status}, refused")
    return UpstreamError(f"{what}: unexpected answer {status} {printable(response.reason)}")


def is_transient(response: requests.Response) -> bool:
    """A refusal in passing."""
    return response.status_code in _TRANSIENT


def retry_after(response: requests.Response) -> float | None:
    """The seconds that a refusal in passing asks to wait, in either form of the header (RFC 9110, 10.2.3)."""
    if not is_transient(response):
        return None
    value = response.headers.get("Retry-After", "")
    if value.isdecimal() and len(value) < 10:
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - date(response)).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return None
