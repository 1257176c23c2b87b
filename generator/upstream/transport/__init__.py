"""The way out to every host: connections, redirects, pauses, and what an answer may cost."""

from generator.upstream.transport.connections import Connections

__all__ = ["Connections"]
