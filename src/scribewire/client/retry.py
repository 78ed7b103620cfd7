"""Whether and when a lost connection is tried again; pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from scribewire.client.errors import (
    ClientError,
    ClosedError,
    ConnectTimeoutError,
    RefusedError,
    UnreachableError,
)
from scribewire.client.outcome import Ending
from scribewire.errors import BROKEN, CloseCode

_LOSSES: Final = frozenset(
    {BROKEN, CloseCode.GOING_AWAY, CloseCode.RESTART, CloseCode.TRY_AGAIN_LATER}
)

# A server that has no room or goes down, and a proxy whose server is away, may soon be well again.
_PASSING: Final = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)

_MOST_DOUBLINGS = 16  # far behind any longest delay, and far from what a float cannot hold


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumePolicy:
    """How a client comes back to a session whose connection is lost."""

    first_delay_s: float = 0.25
    """Before the first attempt."""
    factor: float = 2.0
    """How much longer each further delay is."""
    most_delay_s: float = 5.0
    """No delay is longer, but for one that the server asks for."""
    jitter: float = 0.25
    """By which share a delay may be shorter or longer, so that not all come back at once."""
    give_up_after_s: float = 60.0
    """How long after the loss attempts are made; a server keeps sessions for 30 s as a rule, and
    may find out later than its client."""
    silence_s: float = 10.0
    """How long the server may say nothing while it is sent audio, which it answers each second; at
    least 5 s, or it is taken for lost without a reason."""

    def delay_s(self, failures: int, chance: float) -> float:
        """Return how long to wait after so many failures in a row; `chance` is from 0 to 1."""
        growth = self.factor ** min(failures, _MOST_DOUBLINGS)
        delay_s = min(self.most_delay_s, self.first_delay_s * growth)
        return delay_s * (1 + self.jitter * (2 * chance - 1))

    def gives_up(self, *, lost_at: float, at: float) -> bool:
        """Tell whether an attempt at this time would be too late."""
        return at > lost_at + self.give_up_after_s


def policy_of(resume: bool | ResumePolicy) -> ResumePolicy | None:
    """Return how to come back; None for not at all."""
    if isinstance(resume, ResumePolicy):
        return resume
    return ResumePolicy() if resume else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconnecting:
    """A connection is lost, and will be tried again."""

    attempt: int
    """From 1, since the loss."""
    delay_s: float
    """How long is waited before it."""
    cause: ClientError
    """How the connection was lost, or why the last attempt has failed."""


class ReconnectAttempts:
    """The attempts of a client, counted over all losses of a session."""

    def __init__(self, policy: ResumePolicy, chance: Callable[[], float]) -> None:
        self._policy = policy
        self._chance = chance  # where in the jitter a delay lies, from 0 to 1
        self._failures = 0  # attempts without a connection that has lasted
        self._attempt = 0  # since the loss; 0: nothing is lost
        self._lost_at = 0.0
        self._back_at: float | None = None  # since when there is a connection again

    def next_attempt(self, cause: ClientError, now: float) -> Reconnecting | None:
        """Return the next attempt after a loss or a failed one; None: it is too late for any."""
        if self._attempt == 0:
            self._lost_at = now
            if self._has_lasted(now):
                self._failures = 0
        delay_s = self._policy.delay_s(self._failures, self._chance())
        if isinstance(cause, RefusedError) and cause.retry_after_s is not None:
            delay_s = max(delay_s, cause.retry_after_s)
        self._failures += 1
        self._attempt += 1
        if self._policy.gives_up(lost_at=self._lost_at, at=now + delay_s):
            return None
        return Reconnecting(attempt=self._attempt, delay_s=delay_s, cause=cause)

    def note_back(self, now: float) -> None:
        """Take note that the session goes on."""
        self._attempt = 0
        self._back_at = now

    def _has_lasted(self, now: float) -> bool:
        """Tell whether the last connection was no flicker, after which to be as quick again."""
        return self._back_at is None or now - self._back_at >= self._policy.most_delay_s


def is_loss(ending: Ending) -> bool:
    """Tell whether a session goes on that has lost its connection so."""
    if ending.has_left or ending.violation is not None:
        return False
    if ending.has_stopped:  # only the close tells why, if nobody has asked for it
        return ending.code == BROKEN and not ending.has_asked
    return is_loss_code(ending.code)


def is_loss_code(code: int) -> bool:
    """Tell whether a connection that ends with this close code was most likely lost."""
    return code in _LOSSES


def is_passing(failure: ClientError) -> bool:
    """Tell whether an attempt that failed so may succeed later."""
    match failure:
        case RefusedError(status=status):
            return status in _PASSING
        case ClosedError(code=code):
            return is_loss_code(code)
        case _:
            return isinstance(failure, UnreachableError | ConnectTimeoutError)
