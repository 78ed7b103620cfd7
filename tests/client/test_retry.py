from __future__ import annotations

import pytest

from scribewire.client.errors import (
    ClientError,
    ClosedError,
    ConnectTimeoutError,
    MissingTokenError,
    RefusedError,
    SessionError,
    UnreachableError,
)
from scribewire.client.outcome import Ending
from scribewire.client.retry import (
    ReconnectAttempts,
    Reconnecting,
    ResumePolicy,
    is_loss,
    is_loss_code,
    is_passing,
    policy_of,
)
from scribewire.protocol.scriptix.states import ConnectionState

POLICY = ResumePolicy(
    first_delay_s=1, factor=2, most_delay_s=5, jitter=0.25, give_up_after_s=20, silence_s=10
)
BROKE = ClosedError(1006, "")


@pytest.mark.parametrize(
    ("failures", "chance", "delay_s"),
    [
        (0, 0.5, 1),
        (1, 0.5, 2),
        (2, 0.5, 4),
        (3, 0.5, 5),
        (10_000, 0.5, 5),
        (0, 0.0, 0.75),
        (0, 1.0, 1.25),
        (3, 1.0, 6.25),
    ],
)
def test_each_delay_is_longer_up_to_the_longest_and_none_is_quite_the_same(
    failures: int, chance: float, delay_s: float
) -> None:
    assert POLICY.delay_s(failures, chance) == delay_s


def test_it_is_given_up_some_time_after_the_loss() -> None:
    assert [POLICY.gives_up(lost_at=100, at=at) for at in (100, 120, 120.1)] == [
        False, False, True,
    ]  # fmt: skip


def test_what_connect_is_given_is_a_policy_or_none() -> None:
    assert policy_of(POLICY) is POLICY
    assert policy_of(resume=True) == ResumePolicy()
    assert policy_of(resume=False) is None


def test_the_attempts_after_a_loss_are_counted_until_it_is_too_late() -> None:
    attempts = ReconnectAttempts(POLICY, lambda: 0.5)
    made = [attempts.next_attempt(BROKE, now) for now in (100, 102, 105, 116)]

    assert made == [
        Reconnecting(attempt=1, delay_s=1, cause=BROKE),
        Reconnecting(attempt=2, delay_s=2, cause=BROKE),
        Reconnecting(attempt=3, delay_s=4, cause=BROKE),
        None,
    ]


@pytest.mark.parametrize(("lasts_s", "delay_s"), [(6, 1), (4, 2)])
def test_a_connection_that_only_flickers_does_not_make_it_quick_again(
    lasts_s: float, delay_s: float
) -> None:
    attempts = ReconnectAttempts(POLICY, lambda: 0.5)
    attempts.next_attempt(BROKE, 100)
    attempts.note_back(101)

    again = attempts.next_attempt(BROKE, 101 + lasts_s)

    assert again == Reconnecting(attempt=1, delay_s=delay_s, cause=BROKE)


def test_a_server_that_says_when_is_not_asked_sooner() -> None:
    full = RefusedError(503, "too many sessions", 7)

    attempt = ReconnectAttempts(POLICY, lambda: 0.5).next_attempt(full, 100)

    assert attempt == Reconnecting(attempt=1, delay_s=7, cause=full)


LOST = Ending(code=1006)


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        (LOST, True),
        (Ending(code=1001), True),
        (Ending(code=1012), True),
        (Ending(code=1013, error="too many sessions"), True),
        (Ending(code=1006, error="bad audio"), True),  # its close may have been another one
        (Ending(code=1006, has_asked=True), True),
        (Ending(code=1006, has_left=True), False),
        (Ending(code=1006, has_stopped=True), True),  # of a stream, or a server that goes down
        (Ending(code=1006, has_stopped=True, has_asked=True), False),
        (Ending(code=1000, has_stopped=True), False),
        (Ending(code=1012, has_stopped=True), False),
        (Ending(code=1006, violation="garbage"), False),
        (Ending(code=1000), False),
        (Ending(code=1008, error="bad audio"), False),
        (Ending(code=1009), False),
        (Ending(code=1011, error="recognition failed"), False),
        (Ending(code=4409, error="another connection goes on"), False),
        (Ending(code=4410, error="cannot be resumed"), False),
    ],
)
def test_a_loss_is_what_no_side_has_wanted(ending: Ending, *, expected: bool) -> None:
    assert is_loss(ending) is expected


def test_the_code_alone_tells_most_of_it() -> None:
    assert [is_loss_code(code) for code in (1006, 1008)] == [True, False]


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (UnreachableError("nobody is there"), True),
        (ConnectTimeoutError(ConnectionState.CONNECTING, 5), True),
        (RefusedError(429, ""), True),
        (RefusedError(502, ""), True),
        (RefusedError(503, "shutting down", 5), True),
        (RefusedError(401, "unknown token"), False),
        (RefusedError(403, ""), False),
        (RefusedError(404, ""), False),
        (RefusedError(302, "the server has moved"), False),
        (ClosedError(1013, ""), True),
        (ClosedError(1008, ""), False),
        (SessionError("bad audio", 1008), False),
        (MissingTokenError(), False),
    ],
)
def test_an_attempt_is_made_again_where_that_may_help(
    failure: ClientError, *, expected: bool
) -> None:
    assert is_passing(failure) is expected
