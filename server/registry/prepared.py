"""Answers that were given before, sent again in front of all routing: no matching, no request object."""

from dataclasses import dataclass

from starlette.types import Message, Scope

from ..index.current import Current
from ..telemetry.access_log import Entry
from .known import RegistryResponse

MOST = 16_384
"""Prepared answers, of some 2 KB each besides its body."""

_Key = tuple[str, bytes, bytes]


@dataclass(frozen=True, slots=True)
class Answer:
    start: Message
    body: Message
    is_conditional: bool
    entry: Entry
    line: bytes


class Prepared:
    """Keeps what was decided elsewhere, with up to `limit` bytes of bodies, until another index is in use."""

    def __init__(self, current: Current, limit: int) -> None:
        self._current = current
        self._limit = limit
        self._answers: dict[_Key, Answer] = {}
        self._clear()

    def get(self, scope: Scope) -> Answer | None:
        if self._index is not self._current.index:
            self._clear()
        answer = self._answers.get((scope["method"], scope["raw_path"], scope["query_string"]))
        return None if answer and answer.is_conditional and _has_condition(scope) else answer

    def keep(self, scope: Scope, response: RegistryResponse) -> None:
        method, path, query = scope["method"], scope["raw_path"], scope["query_string"]
        is_plain = not query or (query.startswith(b"ns=") and b"&" not in query)
        if not is_plain or len(response.body) > self._limit or self._index is not self._current.index:
            return
        self._room -= len(response.body)
        if self._room < 0 or len(self._answers) >= MOST:
            self._clear()
        start = {"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers}
        body = {"type": "http.response.body", "body": response.body}
        entry = Entry.of(scope)
        entry.note(start)
        entry.note(body)
        self._answers[method, path, query] = Answer(start, body, "etag" in response.headers, entry, entry.line)

    def _clear(self) -> None:
        self._index, self._room = self._current.index, self._limit
        self._answers.clear()


def _has_condition(scope: Scope) -> bool:
    return any(name == b"if-none-match" for name, _ in scope["headers"])
