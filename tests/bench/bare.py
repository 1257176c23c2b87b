"""The baseline: an ASGI callable that does nothing but answer, the answer being one that the server gave.

`BARE_ANSWER` is a file of it: JSON of its `status`, its `headers`, and its `body` in base64.
"""

import base64
import json
import os
from pathlib import Path

from starlette.types import Message, Receive, Scope, Send


def _recorded() -> tuple[Message, Message]:
    answer = json.loads(Path(os.environ["BARE_ANSWER"]).read_text())
    headers = [(name.lower().encode(), value.encode()) for name, value in answer["headers"]]
    start = {"type": "http.response.start", "status": answer["status"], "headers": headers}
    return start, {"type": "http.response.body", "body": base64.b64decode(answer["body"])}


START, END = _recorded()


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send(START)
    await send(END)
