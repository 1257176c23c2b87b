"""The server as it is, but that it looks twenty times as often whether its index has changed: tests wait for that."""

from server.index import current

assert hasattr(current, "INTERVAL")
current.INTERVAL = 0.1

from server.app import app  # noqa: E402

__all__ = ["app"]
