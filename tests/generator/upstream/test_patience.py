"""How long and how often an upstream is asked: another try, a pause, a budget, memory; a tag's history."""

import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
import tenacity

from generator.errors import BudgetError, MalformedError, RefusedError, TransientError, UpstreamError
from generator.upstream import history
from generator.upstream.budget import Budget
from generator.upstream.history import Sighting
from generator.upstream.limits import Limits
from generator.upstream.memory import Memory
from generator.upstream.retries import retrying
from generator.upstream.transport.pauses import Pauses

DIGEST = f"sha256:{'a' * 64}"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def tries(error: Exception, stopping: threading.Event | None = None, **limits: float) -> int:
    """How often something is tried that ends so each time."""
    count = 0

    def fail() -> None:
        nonlocal count
        count += 1
        raise error

    retry = retrying(Limits(**{"backoff": 0.0, "attempts": 3} | limits), stopping or threading.Event())  # type: ignore[arg-type]
    with pytest.raises(type(error)):
        retry(fail)
    return count


def test_only_what_passes_is_tried_again_and_a_bounded_number_of_times() -> None:
    assert tries(TransientError("x")) == 3
    assert tries(TransientError("x"), attempts=1) == 1
    for error in (BudgetError("x"), RefusedError("x"), MalformedError("x"), UpstreamError("x"), OSError("x")):
        assert tries(error) == 1
    stopping = threading.Event()
    stopping.set()
    assert tries(TransientError("x"), stopping) == 1


def test_being_asked_to_wait_is_no_attempt_but_costs_patience() -> None:
    assert tries(TransientError("x", 0.01), attempts=1, patience=0.1) > 3
    assert tries(TransientError("x", 0.2), patience=0.1) == 1


def test_the_pause_before_another_try_is_the_longer_of_ours_and_theirs() -> None:
    def wait(after: float | None, backoff: float) -> float:
        retry = retrying(Limits(backoff=backoff), threading.Event())
        state = tenacity.RetryCallState(retry, None, (), {})
        state.set_exception((TransientError, TransientError("x", after), None))
        return float(retry.wait(state))

    assert wait(7.0, 0.0) == 7.0
    assert wait(None, 0.0) == 0.0
    assert 0.0 <= wait(0.0, 1.0) <= 1.0
    assert max(wait(None, 1000.0) for _ in range(50)) <= 10.0


class Clock:
    """Time that passes when somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.is_stopped = False

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return self.is_stopped


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.monotonic", clock.monotonic)
    return clock


@pytest.fixture
def pauses(clock: Clock) -> Pauses:
    return Pauses(60.0, clock)  # type: ignore[arg-type]


def test_a_host_is_asked_again_when_its_pause_is_over(clock: Clock, pauses: Pauses) -> None:
    pauses.ask("a", 5.0)
    pauses.ask("a", 2.0)
    pauses.wait("b")
    assert clock.now == 1000.0
    pauses.wait("a")
    assert clock.now == 1005.0
    pauses.wait("a")
    assert clock.now == 1005.0


def test_a_pause_of_all_our_patience_is_waited_for_and_a_longer_one_is_not(clock: Clock, pauses: Pauses) -> None:
    pauses.ask("a", 60.0)
    pauses.wait("a")
    assert clock.now == 1060.0
    pauses.answered("a")
    pauses.ask("a", 60.5)
    with pytest.raises(TransientError, match="a asks to be left alone for 60 seconds") as raised:
        pauses.wait("a")
    assert (raised.value.retry_after, clock.now) == (60.5, 1060.0)


def test_a_host_that_asks_again_and_again_costs_one_patience(clock: Clock, pauses: Pauses) -> None:
    for _ in range(7):
        pauses.ask("a", 10.0)
        clock.now += 10.0
    with pytest.raises(TransientError, match="has asked to be left alone for over 60 seconds"):
        pauses.wait("a")
    pauses.answered("a")
    pauses.wait("a")
    for _ in range(7):
        pauses.ask("a", 10.0)
        clock.now += 10.0
    clock.now += 61.0
    pauses.wait("a")
    pauses.ask("a", 1.0)
    pauses.wait("a")
    assert clock.now == 1000.0 + 140.0 + 61.0 + 1.0, "what it asked long ago does not count"


def test_a_host_that_has_asked_for_just_our_patience_is_asked(clock: Clock, pauses: Pauses) -> None:
    for _ in range(6):
        pauses.ask("a", 10.0)
        clock.now += 10.0
    pauses.wait("a")


def test_a_host_that_has_answered_and_asks_much_later_is_as_new(clock: Clock, pauses: Pauses) -> None:
    pauses.ask("a", 5.0)
    pauses.answered("a")
    clock.now += 1000.0
    pauses.ask("a", 5.0)
    pauses.wait("a")
    assert clock.now == 2005.0


def test_nobody_waits_once_all_is_to_stop(clock: Clock, pauses: Pauses) -> None:
    clock.is_stopped = True
    pauses.ask("a", 5.0)
    pauses.ask("a", 30.0)
    pauses.wait("a")
    assert clock.now == 1030.0


def test_a_budget_is_what_all_requests_have_together(clock: Clock) -> None:
    budget = Budget(10.0)
    with budget.spending(4.0, "a") as seconds:
        assert seconds == 4.0
        clock.now += 7.0
    with suppress(OSError), budget.spending(4.0, "b") as seconds:
        assert seconds == 3.0
        clock.now += 3.0
        raise OSError
    with pytest.raises(BudgetError, match="c: its upstream has taken 10 seconds"), budget.spending(4.0, "c"):
        pass


def test_an_answer_may_take_as_long_as_its_size_wants() -> None:
    limits = Limits(read=30.0, pace=100.0)
    assert (limits.time_for(0), limits.time_for(1000)) == (60.0, 70.0)


def test_memory_is_given_back_whatever_happens() -> None:
    memory = Memory(10)
    with suppress(OSError), memory.holding(20):
        raise OSError
    done: list[int] = []

    def hold() -> None:
        with memory.holding(10):
            done.append(1)

    threads = [threading.Thread(target=hold) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert done == [1, 1]


def test_who_waits_for_memory_goes_on_when_there_is_enough() -> None:
    memory, order, begun = Memory(10), list[str](), threading.Event()

    def second() -> None:
        begun.set()
        with memory.holding(6):
            order.append("second")

    with memory.holding(6):
        thread = threading.Thread(target=second)
        thread.start()
        begun.wait(10)
        with memory.holding(6):
            order.append("first, which holds some already")
    thread.join(10)
    assert order == ["first, which holds some already", "second"]


def sighting(minute: int, digest: str = DIGEST) -> Sighting:
    return Sighting(NOW + timedelta(minutes=minute), digest)


def asked(
    records: list[Sighting], since: datetime | None = None, newest: str | None = None
) -> tuple[list[Sighting], list[tuple[datetime | None, datetime | None]]]:
    """What is read of a history that is handed out whole, and what was asked for."""
    questions: list[tuple[datetime | None, datetime | None]] = []

    def page(start: datetime | None, end: datetime | None) -> frozenset[Sighting]:
        questions.append((start, end))
        return frozenset(each for each in records if (not start or start <= each.at) and (not end or each.at <= end))

    return history.read(page, since, newest), questions


def test_a_history_that_has_moved_once_to_what_is_known_costs_one_question() -> None:
    other = f"sha256:{'b' * 64}"
    for records, newest, count in (
        ([sighting(0), sighting(1, other)], other, 1),
        ([sighting(0)], DIGEST, 1),
        ([sighting(0), sighting(1, other)], DIGEST, 3),
        ([sighting(0), sighting(1), sighting(2, other)], other, 3),
        ([], DIGEST, 1),
    ):
        found, questions = asked(records, since=NOW, newest=newest)
        assert (found, len(questions)) == (records, count)


def test_of_a_history_that_is_read_back_to_its_beginning_nothing_is_asked_before_that() -> None:
    assert asked([sighting(1), sighting(0)], since=NOW - timedelta(minutes=1))[1][-1] == (
        NOW - timedelta(minutes=1),
        NOW,
    )
    found, questions = asked([sighting(0), sighting(1)])
    assert found == [sighting(0), sighting(1)]
    assert questions == [
        (None, None),
        (NOW + timedelta(minutes=1), None),
        (NOW + timedelta(minutes=1, microseconds=1), None),
        (None, NOW),
    ]


def test_a_history_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generator.upstream.history.RECORDS", 3)
    assert len(asked([sighting(minute) for minute in range(3)])[0]) == 3
    with pytest.raises(MalformedError, match="a tag history of more than 3 records"):
        history.read(lambda start, end: frozenset({sighting(0), Sighting(start or NOW, DIGEST)}), None)
