"""Which failures are worth another try, and when."""

import threading
from collections.abc import Callable

import tenacity

from generator.errors import BudgetError, TransientError
from generator.upstream.limits import Limits


def retrying(limits: Limits, stopping: threading.Event) -> tenacity.Retrying:
    """Tries again what failed in passing, no sooner than `Retry-After` says, within the limits and till `stopping`."""
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(
            lambda error: isinstance(error, TransientError) and not isinstance(error, BudgetError)
        ),
        stop=tenacity.stop_any(
            _Attempts(limits.attempts),
            tenacity.stop_before_delay(limits.patience),
            tenacity.stop_when_event_set(stopping),
        ),
        sleep=tenacity.sleep_using_event(stopping),
        wait=_wait(tenacity.wait_random_exponential(limits.backoff, max=10.0)),
        reraise=True,
    )


class _Attempts(tenacity.stop.stop_base):
    """Stops after so many attempts; of one that ended with being asked to wait, only the time counts."""

    def __init__(self, limit: int) -> None:
        self._left = limit

    def __call__(self, retry_state: tenacity.RetryCallState) -> bool:
        self._left -= not _asked(retry_state)
        return self._left <= 0


def _wait(backoff: tenacity.wait.wait_base) -> Callable[[tenacity.RetryCallState], float]:
    return lambda state: max(_asked(state), backoff(state))


def _asked(state: tenacity.RetryCallState) -> float:
    """The seconds that the upstream has asked to wait."""
    error = state.outcome.exception() if state.outcome else None
    return error.retry_after or 0.0 if isinstance(error, TransientError) else 0.0
