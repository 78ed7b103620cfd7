from __future__ import annotations

import pytest

from scribewire.client.errors import (
    ClosedError,
    ConnectTimeoutError,
    RefusedError,
    StreamModeError,
)
from scribewire.client.retry import Reconnecting
from scribewire.protocol.dialogue import Close
from scribewire.protocol.scriptix.endpoint import STREAM
from scribewire.protocol.scriptix.states import ConnectionState
from tests.parts.client_sessions import (
    NOBODY,
    ONCE,
    START,
    STOP,
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


def test_a_session_goes_on_where_the_server_is() -> None:
    session = listening_session()
    for piece in (b"aa", b"bb", b"cc"):
        assert session.add_audio(piece)
    before = written(session)
    session.receive(received(2), 100)
    session.receive(final(1), 100)

    lose(session)
    asked = session.url
    kept = session.add_audio(b"dd")
    session.begin_connection(101)
    early = [*session.take_outgoing(), session.next_piece(101)]
    session.receive(listening(received=3, finals=2), 101)
    after = written(session)
    for text in (final(1), final(2)):
        session.receive(text, 101)

    assert before == [b"aabbcc"]
    assert kept
    assert early == [START, None]
    assert after == [b"bccdd"]
    assert list(texts_of(session)) == ["final 1", "final 2"]
    assert asked == (
        "ws://h/v2/realtime?resume=true&session=5e55&epoch=89abcdef&finals=1&oldest_byte=2"
    )


def test_a_server_that_has_begun_anew_is_followed() -> None:
    session = listening_session()
    session.add_audio(b"aabbcc")
    written(session)
    lose(session)

    come_back(session, listening(received=1, finals=0, epoch="00000001"))
    again = written(session)
    lose(session)

    assert again == [b"abbcc"]
    assert "epoch=00000001" in session.url


def test_what_the_user_sees_is_a_connection_that_is_made_again() -> None:
    told: Told = []
    session = listening_session(told)
    session.receive(final(1), 100)
    lose(session)
    session.fail_attempt(NOBODY, 101)
    come_back(session, listening(finals=1), 103)
    session.receive(final(2), 103)
    session.watchers.tell()

    states = [one.value if isinstance(one, ConnectionState) else one.attempt for one in told]
    assert states == [
        "connecting", "listening", "connected", "connecting", 1, 2, "listening", "connected",
    ]  # fmt: skip
    attempts = [one for one in told if isinstance(one, Reconnecting)]
    assert [one.delay_s for one in attempts] == [1, 2]
    assert isinstance(attempts[0].cause, ClosedError)
    assert attempts[1].cause is NOBODY


def test_the_next_attempt_is_made_in_time() -> None:
    session = listening_session()
    times = [session.retry_at]

    lose(session)
    times.append(session.retry_at)
    session.fail_attempt(RefusedError(503, "shutting down", 8), 101)
    times.append(session.retry_at)
    session.begin_connection(109)
    times.append(session.retry_at)

    assert times == [None, 101, 109, None]


def test_a_connection_that_is_lost_before_it_is_listened_to_is_one_more_attempt() -> None:
    told: Told = []
    session = listening_session(told)
    lose(session)
    for now, code, error in ((101, None, None), (105, 1013, '{"error":"too many sessions"}')):
        session.begin_connection(now)
        if error:
            session.receive(error, now)
        session.receive_close(code, "", now)
    session.watchers.tell()

    assert [one.attempt for one in told if isinstance(one, Reconnecting)] == [1, 2, 3]
    assert session.watchers.state is ConnectionState.CONNECTING


def test_stop_is_said_again_behind_the_audio() -> None:
    session = listening_session()
    session.add_audio(b"aabb")
    session.stop()
    before = written(session)
    late = session.add_audio(b"cc")
    lose(session)
    come_back(session, listening(received=2))
    after = written(session)
    session.receive(STOPPED, 101)
    outgoing = session.take_outgoing()
    session.receive_close(1012, "", 101)

    assert before == [b"aabb", STOP]
    assert not late
    assert after == [b"bb", STOP]
    assert outgoing == [Close(1000)]
    assert session.has_ended
    assert session.failure is None


def test_a_stream_goes_on_without_audio_of_ours() -> None:
    session = open_session(endpoint=STREAM)
    session.receive(listening(received=0), 100)
    lose(session)
    url = session.url
    session.begin_connection(101)
    outgoing = session.take_outgoing()
    session.receive(listening(received=64_000, finals=1), 101)
    session.stop()

    assert url == "ws://h/v2/client?resume=true&session=5e55&epoch=89abcdef&finals=0"
    assert outgoing == []
    assert written(session) == [STOP]
    with pytest.raises(StreamModeError):
        session.check_pushing()


# Waiting.


def test_who_sends_waits_when_too_much_waits() -> None:
    session = listening_session()
    lose(session)
    crowded = []
    for size in (320_000, 1, 4_680_000):
        session.add_audio(bytes(size))
        crowded.append([session.is_crowded(is_attended=attended) for attended in (True, False)])

    assert crowded == [[False, False], [False, True], [True, True]]
    come_back(session, listening())
    assert not session.is_crowded(is_attended=False)
    assert session.has_waiting


def test_nothing_is_written_to_what_is_broken_though_nobody_has_noticed_yet() -> None:
    session = listening_session()
    session.add_audio(b"aa")
    written(session)
    session.note_unwritable(1006)

    assert session.add_audio(b"bb")
    assert (session.next_piece(100), session.has_waiting) == (None, False)
    lose(session)
    come_back(session, listening())
    assert written(session) == [b"aabb"]


def test_a_close_that_is_final_is_seen_by_who_writes() -> None:
    session = listening_session()

    session.note_unwritable(1008)

    assert not session.add_audio(b"aa")


# Silence.


def test_a_server_that_says_nothing_to_audio_is_given_up_without_a_close() -> None:
    session = listening_session()
    looks = [session.timer_at]
    session.handle_timer(102)
    session.add_audio(b"aa")
    written(session, now=103)
    looks.append(session.timer_at)
    session.handle_timer(112.9)
    early = session.is_given_up
    session.handle_timer(113)

    assert looks == [102, 113]
    assert (early, session.is_given_up) == (False, True)
    assert (session.timer_at, session.take_outgoing()) == (None, [])
    lose(session, 113)
    assert session.retry_at == 114


def test_a_server_that_listens_too_late_is_given_up_when_it_is_come_back_to() -> None:
    session = listening_session()
    lose(session)
    session.begin_connection(101)
    session.take_outgoing()

    for now in (103, 105, 107, 109, 111, 113, 115):
        session.handle_timer(now)
    early = session.is_given_up
    session.handle_timer(116)

    assert (early, session.is_given_up) == (False, True)
    assert session.take_outgoing() == []


def test_a_server_that_never_listens_is_told_as_ever() -> None:
    session = open_session()

    session.handle_timer(115)
    (close,) = session.take_outgoing()
    session.receive_close(1000, "", 115)

    assert isinstance(close, Close)
    with pytest.raises(ConnectTimeoutError):
        session.check_opening()


def test_a_session_that_cannot_be_resumed_is_not_watched() -> None:
    session = open_session()

    session.receive(ONCE, 100)

    assert session.timer_at is None
