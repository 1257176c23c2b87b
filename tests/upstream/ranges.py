"""Bytes as an answer, whole or the part that `Range` asks for (RFC 9110, 14)."""

import re

from starlette.requests import Request
from starlette.responses import Response

OCTETS = "application/octet-stream"


def content_range(header: str, size: int) -> tuple[int, int] | None:
    """First byte and end of a single range; None where the header is not one, and is to be ignored.

    An unsatisfiable range is empty.
    """
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", header.strip())
    if not match or match[1] == match[2] == "":
        return None
    if match[1] == "":
        return max(size - int(match[2]), 0), size
    first = int(match[1])
    if match[2] and int(match[2]) < first:
        return None
    end = min(int(match[2]) + 1, size) if match[2] else size
    return first, max(first, end)


def octets(request: Request, data: bytes, headers: dict[str, str]) -> Response:
    headers = {"Accept-Ranges": "bytes", "Content-Type": OCTETS} | headers
    selected = content_range(request.headers.get("range", ""), len(data))
    if selected is None:
        return Response(data, headers=headers)
    first, end = selected
    if first >= len(data) or first == end:
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{len(data)}"})
    return Response(data[first:end], 206, headers | {"Content-Range": f"bytes {first}-{end - 1}/{len(data)}"})
