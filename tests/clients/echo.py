"""An app that answers with what it sees of a request: what a proxy passes on."""

import json

from starlette.types import Receive, Scope, Send


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        return
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    target = f"{scope['raw_path'].decode()}?{scope['query_string'].decode()}"
    seen = {"scheme": scope["scheme"], "client": scope["client"][0], "target": target, "headers": headers}
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(seen).encode()})
