"""The baseline: an ASGI callable that does nothing but answer, with as many headers as the server's."""

from starlette.types import Receive, Scope, Send

START = {
    "type": "http.response.start",
    "status": 307,
    "headers": [
        (b"docker-distribution-api-version", b"registry/2.0"),
        (b"cache-control", b"public, max-age=60"),
        (b"location", b"/v2/example/nginx/manifests/sha256:" + b"0" * 64),
        (b"content-length", b"0"),
        (b"docker-content-digest", b"sha256:" + b"0" * 64),
    ],
}
END = {"type": "http.response.body"}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send(START)
    await send(END)
