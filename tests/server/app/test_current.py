"""What a reload keeps, and what it lets go of."""

import asyncio
import gc
import json
import weakref
from pathlib import Path

from server.index.current import Current
from tests.server.conftest import image, write
from tests.upstream import ExampleUpstream


class Cycle:
    """Something that only the garbage collector can let go of, as much of what a request leaves behind."""

    def __init__(self) -> None:
        self.self = self


def test_an_image_that_says_the_same_is_not_loaded_again(index: Path, upstream: ExampleUpstream) -> None:
    write(index, upstream, {name: image(upstream, name) for name in ("nginx", "python")})
    current = Current(index)
    before = current.index
    changed = image(upstream, "python", tracks={})
    write(index, upstream, {"nginx": image(upstream, "nginx"), "python": changed})
    assert asyncio.run(current.reload())
    assert current.index is not before
    assert current.index.images["nginx"] is before.images["nginx"]
    assert current.index.images["python"] is not before.images["python"]
    assert current.index.images["python"].tracks == {}


def test_an_image_that_is_no_longer_refreshed_is_forgotten(index: Path, upstream: ExampleUpstream) -> None:
    current = Current(index)
    catalogue = json.loads((index / "index.json").read_text())
    catalogue["images"]["nginx"]["refreshed"] = False
    (index / "index.json").write_text(json.dumps(catalogue))
    assert asyncio.run(current.reload())
    assert current.index.images["nginx"].tags == {}


def test_what_is_in_flight_during_a_reload_is_let_go_of_later(index: Path) -> None:
    current = Current(index)
    cycle = Cycle()
    left = weakref.ref(cycle)
    (index / "nginx" / "index.json").write_bytes((index / "nginx" / "index.json").read_bytes() + b"\n")
    assert asyncio.run(current.reload())
    del cycle
    gc.collect()
    assert left() is None


def test_the_index_before_is_let_go_of(index: Path) -> None:
    current = Current(index)
    before = weakref.ref(current.index)
    (index / "nginx" / "index.json").write_bytes((index / "nginx" / "index.json").read_bytes() + b"\n")
    assert asyncio.run(current.reload())
    gc.collect()
    assert before() is None
