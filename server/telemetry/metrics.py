"""Metrics for Prometheus, at `/metrics`; over all workers where PROMETHEUS_MULTIPROC_DIR is set."""

import os
from functools import lru_cache

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from starlette.requests import Request
from starlette.responses import Response

from ..index.catalogue import Index

disable_created_metrics()  # type: ignore[no-untyped-call]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30)

REQUESTS = Counter("reverse_registry_requests", "Requests answered.", ["endpoint", "method", "status"])
SECONDS = Histogram(
    "reverse_registry_request_seconds",
    "Time to the end of an answer, of those that were not prepared.",
    ["endpoint"],
    buckets=_SECONDS,
)
LOST = Counter("reverse_registry_log_lines_lost", "Lines of the log that nobody took in time.")
SENT = Counter("reverse_registry_sent_bytes", "Bytes of bodies sent.")
UPSTREAM = Counter("reverse_registry_upstream_requests", "Requests made of upstream, by what came of them.", ["status"])
UPSTREAM_SECONDS = Histogram("reverse_registry_upstream_seconds", "Time to upstream's headers.", buckets=_SECONDS)
CACHE_HITS = Counter("reverse_registry_manifest_cache_hits", "Manifests that were in memory.")
CACHE_MISSES = Counter("reverse_registry_manifest_cache_misses", "Manifests that were not in memory.")
CACHE_BYTES = Gauge(
    "reverse_registry_manifest_cache_bytes", "Size of the manifests in memory.", multiprocess_mode="livesum"
)
RELOADS = Counter("reverse_registry_index_reloads", "Changed indexes, taken or refused.", ["result"])
IMAGES = Gauge("reverse_registry_index_images", "Images of the index in use.", multiprocess_mode="livemin")
BUILDS = Gauge("reverse_registry_index_builds", "Builds of the index in use.", multiprocess_mode="livemin")
TAGS = Gauge("reverse_registry_index_tags", "Tags of the index in use.", multiprocess_mode="livemin")
LOADED = Gauge("reverse_registry_index_loaded_timestamp_seconds", "When it was loaded.", multiprocess_mode="livemin")

count_of = lru_cache(4096)(REQUESTS.labels)
_timer_of = lru_cache(64)(SECONDS.labels)


def observe_request(endpoint: str, method: str, status: int, sent: int, seconds: float) -> None:
    count_of(endpoint, method if method in _METHODS else "other", status).inc()
    _timer_of(endpoint).observe(seconds)
    SENT.inc(sent)


def observe_index(index: Index) -> None:
    IMAGES.set(len(index.images))
    BUILDS.set(sum(len(image.builds) for image in index.images.values()))
    TAGS.set(sum(len(image.tags) for image in index.images.values()))
    LOADED.set_to_current_time()


def observe_reload(index: Index | None) -> None:
    """None: it was refused."""
    RELOADS.labels("taken" if index else "refused").inc()
    if index:
        observe_index(index)


def retire() -> None:
    """Takes what this worker says of itself out of the sum."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]


async def expose(request: Request) -> Response:
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), 200, {"Cache-Control": "no-store"}, CONTENT_TYPE_LATEST)
