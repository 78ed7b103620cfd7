from __future__ import annotations

import pytest

from scribewire.client.errors import ClosedError, RefusedError, UnreachableError
from scribewire.client.moving import Move, is_ended_by_server, may_be_ended_by_server
from scribewire.client.opening import Opening
from scribewire.client.outcome import Ending
from scribewire.client.session_connection import SessionConnection
from scribewire.protocol.results import FinalResult, PartialResult
from scribewire.protocol.scriptix.endpoint import MICROPHONE
from scribewire.protocol.scriptix.messages import ShuttingDown

FINAL = FinalResult(text="hello", offset_ms=640)
HEL = PartialResult(text="hel", offset_ms=320)
DOWN, ELSEWHERE = ShuttingDown(7), ShuttingDown(7, can_resume=True)


def connection() -> SessionConnection:
    opening = Opening(url="ws://h", endpoint=MICROPHONE, key="key-1")
    return SessionConnection(opening, silence_s=10, now=100)


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([], False),
        ([FINAL], False),
        ([DOWN], False),
        ([FINAL, DOWN, HEL], False),
        ([DOWN, HEL, FINAL], True),
    ],
)
def test_it_is_time_where_the_next_utterance_has_ended(
    messages: list[FinalResult | PartialResult | ShuttingDown], *, expected: bool
) -> None:
    move = Move()
    for message in messages:
        move.note(message)

    assert move.is_due(100) is expected
    assert move.is_told is (DOWN in messages)


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([ELSEWHERE], False),
        ([FINAL, ELSEWHERE, HEL], False),
        ([ELSEWHERE, HEL, FINAL], True),
        ([ELSEWHERE, DOWN, FINAL], True),
        ([DOWN, FINAL], False),
    ],
)
def test_where_it_can_be_resumed_no_other_session_is_begun(
    messages: list[FinalResult | PartialResult | ShuttingDown], *, expected: bool
) -> None:
    move = Move()
    for message in messages:
        move.note(message)

    assert move.is_ready_to_resume is expected
    assert move.is_due(100) is (messages == [DOWN, FINAL])


def test_another_connection_carries_it_once_it_is_listened_to() -> None:
    move, following = Move(), connection()

    outgoing = move.begin(following)
    early = move.receive('{"state":"loading"}', 100), move.is_under_way
    late = move.receive('{"state":"listening","session_id":"5e55"}', 100), move.is_under_way

    assert outgoing == ['{"action":"start"}']
    assert (early, late) == ((None, True), (following, False))
    assert move.receive("", 100) is None


@pytest.mark.parametrize(
    ("failure", "again_at"),
    [
        (UnreachableError("nobody"), 102),
        (TimeoutError(), 102),
        (ClosedError(1013, ""), 102),
        (RefusedError(503, "shutting down", 5), 105),
        (RefusedError(401, "unknown token"), None),
    ],
)
def test_where_there_is_no_other_server_yet_the_next_utterance_is_waited_for(
    failure: Exception, again_at: float | None
) -> None:
    move = Move()
    move.note(DOWN)
    move.note(FINAL)
    move.begin(connection())

    move.fail(failure, 100)
    at_once = move.is_due(1000)
    move.note(FINAL)

    assert not move.is_under_way
    assert not at_once
    due = [at for at in (101.9, 102, 104.9, 105, 1_000_000) if move.is_due(at)]
    assert (due[0] if due else None) == again_at


@pytest.mark.parametrize(
    ("ending", "is_owed", "expected"),
    [
        (Ending(code=1012, has_stopped=True), True, True),
        (Ending(code=1006, has_stopped=True), True, True),
        (Ending(code=1012, has_stopped=True), False, False),
        (Ending(code=1000, has_stopped=True), True, False),
        (Ending(code=1008, error="bad audio"), True, False),
        (Ending(code=4410, error="cannot be resumed"), True, True),
    ],
)
def test_a_session_goes_on_elsewhere_that_its_server_has_ended(
    ending: Ending, *, is_owed: bool, expected: bool
) -> None:
    assert is_ended_by_server(ending, is_owed=is_owed) is expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [(1000, True), (1006, True), (1012, True), (4410, True), (1008, False), (1011, False)],
)
def test_what_is_written_may_come_too_late_for_such_an_ending(code: int, *, expected: bool) -> None:
    assert may_be_ended_by_server(code) is expected
