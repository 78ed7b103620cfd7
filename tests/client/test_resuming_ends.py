from __future__ import annotations

import pytest

from scribewire.client.errors import (
    ClosedError,
    ProtocolViolationError,
    RefusedError,
    SessionError,
    SessionLostError,
)
from scribewire.protocol.dialogue import Close
from scribewire.protocol.scriptix.endpoint import STREAM
from scribewire.protocol.scriptix.states import ConnectionState
from tests.parts.client_sessions import (
    NOBODY,
    ONCE,
    STOPPED,
    Told,
    come_back,
    final,
    listening,
    listening_session,
    lose,
    open_session,
    received,
    texts_of,
    written,
)


def test_a_session_that_is_not_to_be_resumed_ends_with_its_connection() -> None:
    told: Told = []
    session = open_session(policy=None, told=told)
    asked = session.url
    session.receive(listening(), 100)
    session.add_audio(b"aa")
    written(session)
    session.note_unwritable(1006)
    takes_more = session.add_audio(b"bb")
    lose(session)
    session.watchers.tell()

    assert asked == "ws://h/v2/realtime"
    assert not takes_more
    assert session.has_ended
    assert isinstance(session.failure, ClosedError)
    assert told[-1] is ConnectionState.ERROR


def test_one_that_the_server_does_not_keep_ends_likewise() -> None:
    session = open_session()
    session.receive(ONCE, 100)
    lose(session)

    assert session.has_ended
    assert isinstance(session.failure, ClosedError)


@pytest.mark.parametrize(
    ("texts", "code", "kind", "words"),
    [
        (['{"error":"bad audio"}'], 1008, SessionError, "bad audio"),
        (['{"error":"recognition failed"}'], 1011, SessionError, "recognition failed"),
        (['{"error":"another connection"}'], 4409, SessionError, "another connection"),
        ([STOPPED], 1012, ClosedError, "1012"),
        ([], 1000, ClosedError, "1000"),
        (["<html>"], 1000, ProtocolViolationError, "malformed"),
    ],
)
def test_what_is_no_loss_ends_it(
    texts: list[str], code: int, kind: type[Exception], words: str
) -> None:
    session = listening_session()
    for text in texts:
        session.receive(text, 100)
    session.receive_close(code, "", 100)

    assert session.has_ended
    assert session.retry_at is None
    with pytest.raises(kind, match=words):
        session.check_opening()


REFUSED = '{"error":"cannot be resumed: no such session is kept; begin a new session"}'


def test_a_session_that_the_server_has_let_go_of_is_lost() -> None:
    told: Told = []
    session = listening_session(told)
    session.add_audio(bytes(32_000))
    written(session)
    session.receive(final(3), 100)
    lose(session)
    session.add_audio(bytes(32_000))
    session.begin_connection(101)
    session.receive(REFUSED, 101)
    session.receive_close(4410, "", 101)
    session.watchers.tell()

    lost = session.failure
    assert isinstance(lost, SessionLostError)
    assert lost.lost_ms == 2000 - 300
    assert str(lost).startswith("session lost: no such session is kept; 1700 ms")
    assert told[-1] is ConnectionState.ERROR
    assert list(texts_of(session)) == ["final 3"]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (ONCE, "does not keep sessions"),
        (listening(received=1), "needs audio from byte 1 on"),
        (listening(received=65), "needs audio from byte 65 on"),
    ],
)
def test_a_server_that_cannot_be_gone_on_with_is_left(told: str, words: str) -> None:
    session = listening_session()
    session.add_audio(bytes(64))
    written(session)
    session.receive(received(32), 100)
    session.receive('{"text":"a","offset_ms":1,"is_final":true,"number":1}', 100)
    lose(session)
    come_back(session, told)
    (close,) = written(session)
    session.receive_close(1000, "", 101)

    assert isinstance(close, Close)
    with pytest.raises(SessionLostError, match=words) as raised:
        session.check_opening()
    assert raised.value.lost_ms == 1


def test_attempts_are_given_up_in_the_end() -> None:
    session = listening_session()
    lose(session)
    while session.retry_at is not None:
        session.fail_attempt(NOBODY, session.retry_at)

    lost = session.failure
    assert isinstance(lost, SessionLostError)
    assert (lost.lost_ms, lost.__cause__) == (0, NOBODY)
    assert session.has_ended
    assert session.watchers.state is ConnectionState.ERROR


def test_how_much_of_a_stream_was_lost_nobody_knows() -> None:
    session = open_session(endpoint=STREAM)
    session.receive(listening(), 100)
    lose(session)
    session.begin_connection(101)
    session.receive_close(4410, "", 101)

    lost = session.failure
    assert isinstance(lost, SessionLostError)
    assert lost.lost_ms is None


def test_a_key_that_is_refused_is_not_shown_again() -> None:
    session = listening_session()
    lose(session)
    refused = RefusedError(401, "unknown token")

    session.fail_attempt(refused, 101)
    session.fail_attempt(NOBODY, 102)

    assert session.has_ended
    assert session.failure is refused


def test_who_leaves_while_there_is_no_connection_is_gone_at_once() -> None:
    told: Told = []
    session = listening_session(told)
    lose(session)

    session.leave()
    session.leave()
    session.fail_attempt(NOBODY, 101)
    session.watchers.tell()

    assert (session.has_ended, session.failure, session.retry_at) == (True, None, None)
    assert told[-1] is ConnectionState.DISCONNECTED
    assert not session.add_audio(b"aa")


def test_who_leaves_is_not_brought_back() -> None:
    session = listening_session()

    session.leave()
    outgoing = session.take_outgoing()
    lose(session)

    assert outgoing == [Close(1000)]
    assert (session.has_ended, session.failure) == (True, None)


def test_a_first_connection_that_fails_is_an_error() -> None:
    told: Told = []
    session = open_session(told=told)

    session.fail_opening()
    session.watchers.tell()

    assert told == [ConnectionState.CONNECTING, ConnectionState.ERROR]
    assert session.has_ended
