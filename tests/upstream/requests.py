"""What was asked of the example upstream, for tests to count."""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True)
class Request:
    """`status` is None as long as there is no answer; `sent` counts the bytes of its body.

    `query_string` is the query as it came. `headers` are all, by their names in lower case; `authorization`, `range`
    and `user_agent` are None where there was none. `body` is of requests other than GET and HEAD.
    """

    side: str
    method: str
    path: str
    query: dict[str, str]
    query_string: bytes
    authorization: str | None
    range: str | None
    user_agent: str | None
    headers: Mapping[str, str]
    status: int | None = None
    sent: int = 0
    body: bytes = b""

    @property
    def target(self) -> str:
        return f"{self.method} {self.path}"


class Requests:
    """The requests so far, in the order of their arrival; one that hangs is among them."""

    def __init__(self) -> None:
        self._records: dict[int, Request] = {}
        self._keys = itertools.count()

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Request]:
        return iter(tuple(self._records.values()))

    def matching(self, target: str = "", *, side: str = "", status: int | None = None) -> list[Request]:
        """Those in whose "METHOD /path" the regular expression is found."""
        return [
            request
            for request in self
            if re.search(target, request.target) and side in ("", request.side) and status in (None, request.status)
        ]

    def count(self, target: str = "", *, side: str = "", status: int | None = None) -> int:
        return len(self.matching(target, side=side, status=status))

    def clear(self) -> None:
        self._records = {}

    def arrived(self, request: Request) -> int:
        key = next(self._keys)
        self._records[key] = request
        return key

    def received(self, key: int, body: bytes) -> None:
        if record := self._records.get(key):
            self._records[key] = replace(record, body=record.body + body)

    def answered(self, key: int, *, status: int | None = None, sent: int = 0) -> None:
        """More of the answer to a request; nothing, where the record was cleared meanwhile."""
        if record := self._records.get(key):
            self._records[key] = replace(record, status=status or record.status, sent=record.sent + sent)


class Recorder:
    """An app whose requests are recorded, each always before the client sees what is recorded of it."""

    def __init__(self, app: ASGIApp, side: str, requests: Requests) -> None:
        self._app = app
        self._side = side
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        key = self._requests.arrived(
            Request(
                side=self._side,
                method=scope["method"],
                path=scope["path"],
                query_string=scope["query_string"],
                query=dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True)),
                authorization=headers.get("authorization"),
                range=headers.get("range"),
                user_agent=headers.get("user-agent"),
                headers=dict(headers),
            )
        )

        async def recorded(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._requests.answered(key, status=message["status"])
            elif scope["method"] != "HEAD":
                self._requests.answered(key, sent=len(message.get("body", b"")))
            await send(message)

        async def received() -> Message:
            message = await receive()
            self._requests.received(key, message.get("body", b""))
            return message

        await self._app(scope, received, recorded)
