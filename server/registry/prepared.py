"""Answers that were given before, sent again in front of all routing: no matching, no request object."""

from dataclasses import dataclass

from starlette.types import Message, Scope

from ..index.current import Current
from ..telemetry.access_log import Record
from .known import Lasting, RegistryResponse
from .manifests import Manifests

LIMIT, OVERHEAD = 32 * 1024 * 1024, 2048
"""Bytes of prepared answers, each with what it takes besides its body."""

_Key = tuple[str, bytes, bytes]


@dataclass(frozen=True, slots=True)
class Answer:
    start: Message
    body: Message
    is_conditional: bool
    record: Record


class Prepared:
    """Keeps what was decided elsewhere, for as long as it is so."""

    def __init__(self, current: Current, manifests: Manifests) -> None:
        self._current = current
        self._manifests = manifests
        self._of_index: dict[_Key, Answer] = {}
        self._of_memory: dict[_Key, Answer] = {}
        self._evicted = 0
        self._clear()

    def get(self, scope: Scope) -> Answer | None:
        if self._index is not self._current.index:
            self._clear()
        if self._evicted != self._manifests.evicted:
            self._evicted = self._manifests.evicted
            self._of_memory.clear()
        key = scope["method"], scope["raw_path"], scope["query_string"]
        answer = self._of_index.get(key) or self._of_memory.get(key)
        return None if answer and answer.is_conditional and _has_condition(scope) else answer

    def keep(self, scope: Scope, response: RegistryResponse) -> None:
        method, path, query = scope["method"], scope["raw_path"], scope["query_string"]
        is_plain = not query or (query.startswith(b"ns=") and b"&" not in query)
        if response.lasting is Lasting.NOT or not is_plain or self._index is not self._current.index:
            return
        is_from_memory = response.lasting is Lasting.MEMORY
        answer = Answer(
            {"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers},
            {"type": "http.response.body", "body": response.body},
            any(name == b"etag" for name, _ in response.raw_headers),
            Record.of(method, path, response.status_code, len(response.body), is_from_memory),
        )
        self._room -= OVERHEAD + len(response.body)
        if self._room < 0:
            self._clear()
        (self._of_memory if is_from_memory else self._of_index)[method, path, query] = answer

    def _clear(self) -> None:
        self._index, self._evicted, self._room = self._current.index, self._manifests.evicted, LIMIT
        self._of_index.clear()
        self._of_memory.clear()


def _has_condition(scope: Scope) -> bool:
    return any(name == b"if-none-match" for name, _ in scope["headers"])
