"""What a reload keeps, and what it lets go of."""

import asyncio
import gc
import json
import logging
import re
import weakref
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest

from server.errors import StartError
from server.index.catalogue import Index
from server.index.current import Current
from tests.server.conftest import image, write
from tests.upstream import ExampleUpstream


class Cycle:
    """Something that only the garbage collector can let go of, as much of what a request leaves behind."""

    def __init__(self) -> None:
        self.self = self


def test_when_it_was_loaded_is_told_in_utc(index: Path) -> None:
    assert Current(index).loaded.utcoffset() == timedelta(0)


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


def test_a_reload_is_told_of_with_the_index_that_was_taken(
    index: Path, upstream: ExampleUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "uvicorn.error")
    told = list[Index | None]()
    current = Current(index, told.append)
    write(index, upstream, {"nginx": image(upstream, "nginx", tracks={})})
    assert asyncio.run(current.reload())
    assert told == [current.index]
    assert current.loaded.utcoffset() == timedelta(0)
    assert caplog.messages == [f"The changed index is in use: {len(current.index.images)} images"]


def test_a_refusal_is_told_of_with_what_is_wrong_and_what_stays(index: Path, caplog: pytest.LogCaptureFixture) -> None:
    told = list[Index | None]()
    current = Current(index, told.append)
    before = current.index
    (index / "nginx" / "index.json").write_text("{")
    assert not asyncio.run(current.reload())
    assert (told, current.index) == ([None], before)
    (message,) = caplog.messages
    stays = current.loaded.isoformat(timespec="seconds")
    assert message.startswith(f"The changed index is refused, that of {stays} stays in use: {index}/nginx/index.json: ")


def test_without_passthrough_an_image_that_becomes_private_is_refused_as_at_the_start(
    index: Path, upstream: ExampleUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    current = Current(index, with_private=False)
    write(index, upstream, {"nginx": image(upstream, "nginx", private=True)})
    assert not asyncio.run(current.reload())
    assert not current.index.images["nginx"].private
    assert "nginx is private, which needs REVERSE_REGISTRY_AUTH=passthrough" in caplog.text


def test_signals_are_for_the_main_thread(index: Path) -> None:
    """A server in another thread watches its files all the same."""

    watched = list[bool]()

    async def scenario() -> None:
        current = Current(index)
        watching = asyncio.create_task(current.watch())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        watched.append(not watching.done())
        watching.cancel()

    thread = Thread(target=asyncio.run, args=(scenario(),))
    thread.start()
    thread.join()
    assert watched == [True]


def test_packages_that_are_the_same_are_not_held_twice(index: Path, upstream: ExampleUpstream) -> None:
    (index / "nginx" / "packages.json").write_text('{"schema": 1}\n')
    current = Current(index)
    before = current.index.documents["nginx/packages.json"]
    write(index, upstream, {"nginx": image(upstream, "nginx", tracks={})})
    assert asyncio.run(current.reload())
    assert current.index.documents["nginx/packages.json"] is before


def test_a_repository_that_is_none_is_told_with_the_file_that_states_it(index: Path) -> None:
    catalogue = json.loads((index / "index.json").read_text())
    catalogue["images"]["postgres"]["repository"] = "not a repository"
    (index / "index.json").write_text(json.dumps(catalogue))
    with pytest.raises(StartError, match=re.escape(f"{index}/index.json: 'not a repository' is not a repository")):
        Current(index)
