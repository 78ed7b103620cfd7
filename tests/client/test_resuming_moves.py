from __future__ import annotations

import pytest

from scribewire.client.errors import ClosedError, RefusedError, SessionLostError
from scribewire.client.resuming import ClientSession
from scribewire.client.retry import Reconnecting
from scribewire.client.watchers import Watchers
from scribewire.protocol.results import FinalResult
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
    written,
)

DOWN = '{"state":"shutting_down","at":1700000000}'
AUDIO = bytes(range(200)) * 32  # 200 ms
REFUSED = '{"error":"cannot be resumed: no such session is kept; begin a new session"}'


def speaking_session(told: Told | None = None) -> ClientSession:
    """Return one that has sent 200 ms of audio, of which 100 are in a final."""
    session = listening_session(told)
    session.add_audio(AUDIO)
    written(session)
    session.receive(final(1), 100)
    return session


def finals_of(session: ClientSession) -> list[tuple[int | None, int]]:
    messages = iter(session.next_message, None)
    return [(one.number, one.offset_ms) for one in messages if isinstance(one, FinalResult)]


# While the old server is there.


def test_it_moves_where_the_next_utterance_has_ended() -> None:
    session = speaking_session()
    due = [session.is_move_due(100)]
    session.receive(DOWN, 100)
    due.append(session.is_move_due(100))
    session.receive(final(2), 100)
    due.append(session.is_move_due(100))

    assert due == [False, False, True]
    assert session.move_url == "ws://h/v2/realtime?resume=true"


def test_it_is_come_back_to_where_another_server_can_resume_it() -> None:
    session = speaking_session()
    session.receive(DOWN.replace("}", ',"resume":true}'), 100)
    before = session.is_given_up
    session.add_audio(b"aa")
    written(session)
    session.receive(final(2), 100)
    after = session.is_given_up, session.is_move_due(100)
    lose(session)
    session.begin_connection(101)
    url = session.url
    session.receive('{"state":"loading"}', 101)
    session.receive(listening(6400, 2, "00000002"), 101)

    assert not session.is_given_up
    assert not before
    assert after == (True, False)
    assert "&session=" in url
    assert "&finals=2" in url


def test_it_waits_for_its_last_finals_where_it_is() -> None:
    session = speaking_session()
    session.receive(DOWN.replace("}", ',"resume":true}'), 100)
    session.stop()
    said = written(session)
    session.receive(final(2), 100)

    assert said == [STOP]
    assert not session.is_given_up


def test_another_session_goes_on_behind_the_last_final() -> None:
    told: Told = []
    session = listening_session(told)
    session.receive(DOWN, 100)
    session.add_audio(AUDIO)
    written(session)
    session.receive(final(1), 100)

    outgoing = session.begin_move(100)
    session.add_audio(b"aa")  # meanwhile the old one hears what is said
    meanwhile = written(session)
    early = session.receive_move('{"state":"loading"}', 100), session.is_moving
    late = session.receive_move(listening(epoch="00000002"), 100), session.is_moving
    again = written(session)
    session.receive(final(1), 101)
    session.watchers.tell()

    assert outgoing == [START]
    assert meanwhile == [b"aa"]
    assert (early, late) == ((False, True), (True, False))
    assert again == [AUDIO[3200:] + b"aa"]
    assert finals_of(session) == [(1, 100), (2, 200)]
    assert [one.value for one in told if isinstance(one, ConnectionState)] == [
        "connecting", "listening", "connected", "connecting", "loading", "listening", "connected",
    ]  # fmt: skip
    assert not session.is_move_due(101)


def test_the_session_that_follows_is_come_back_to_by_its_own_counting() -> None:
    session = speaking_session()
    session.receive(DOWN, 100)
    session.receive(final(2), 100)
    session.begin_move(100)
    session.receive_move(listening(epoch="00000002"), 100)
    session.add_audio(AUDIO)
    written(session)
    session.receive(final(1), 100)  # to 300 ms

    lose(session)
    url = session.url
    come_back(session, listening(received=3200, finals=1, epoch="00000002"))

    assert url.endswith("&epoch=00000002&finals=1&oldest_byte=0")
    assert written(session) == [AUDIO[3200:]]


def test_where_no_other_server_is_there_the_present_one_goes_on() -> None:
    session = speaking_session()
    session.receive(DOWN, 100)
    session.receive(final(2), 100)

    session.begin_move(100)
    session.fail_move(RefusedError(503, "shutting down", 5), 100)
    session.receive(final(3), 101)
    due = [session.is_move_due(now) for now in (104.9, 105)]

    assert not session.is_moving
    assert due == [False, True]
    assert session.add_audio(b"aa")
    assert written(session) == [b"aa"]


@pytest.mark.parametrize("ends", ["leaves", "stops", "breaks"])
def test_it_does_not_move_any_more_when_it_ends(ends: str) -> None:
    session = speaking_session()
    session.receive(DOWN, 100)
    session.receive(final(2), 100)
    session.begin_move(100)

    if ends == "leaves":
        session.leave()
    elif ends == "stops":
        session.stop()
    else:
        session.receive_close(1008, "", 100)

    assert not session.receive_move(listening(epoch="00000002"), 100)
    assert not session.is_moving
    assert not session.is_move_due(1000)


def test_who_does_not_resume_does_not_move() -> None:
    session = open_session(policy=None)
    session.receive(ONCE, 100)
    for text in (DOWN, final(1)):
        session.receive(text, 100)

    assert not session.is_move_due(100)


def test_a_stream_of_the_server_does_not_move() -> None:
    session = open_session(endpoint=STREAM)
    session.receive(listening(), 100)
    for text in (DOWN, final(1)):
        session.receive(text, 100)

    assert not session.is_move_due(100)


def test_a_server_that_is_come_back_to_and_stays_is_not_left() -> None:
    session = speaking_session()
    session.receive(DOWN, 100)
    session.receive_close(1012, "", 100)  # it was cut off, and has written down what it knew
    come_back(session, listening(received=3200, finals=1, epoch="00000002"))
    session.receive(final(2), 101)

    assert not session.is_move_due(1000)


def test_a_server_that_goes_down_while_it_is_begun_at_is_left_too() -> None:
    session = speaking_session()
    session.receive(DOWN, 100)
    session.receive(final(2), 100)
    session.begin_move(100)
    session.receive_move('{"state":"loading"}', 100)
    session.receive_move('{"state":"shutting_down","at":1700000060}', 100)
    session.receive_move(listening(epoch="00000002"), 101)
    session.receive(final(1), 101)

    assert session.is_move_due(101)


# Once it has gone.


def test_what_has_no_final_is_heard_by_the_next_server() -> None:
    told: Told = []
    session = speaking_session(told)
    session.receive(DOWN, 100)
    session.receive(STOPPED, 100)
    kept = session.add_audio(b"aa")
    session.receive_close(1012, "", 100)
    url = session.url
    session.fail_attempt(NOBODY, 101)
    come_back(session, listening(epoch="00000002"), 103)
    again = written(session)
    session.receive(final(1), 103)
    session.watchers.tell()

    assert kept
    assert url == "ws://h/v2/realtime?resume=true"
    assert again == [AUDIO[3200:] + b"aa"]
    assert finals_of(session) == [(1, 100), (2, 200)]
    assert ConnectionState.ERROR not in told
    assert [one.attempt for one in told if isinstance(one, Reconnecting)] == [1, 2]


def test_a_server_that_has_forgotten_it_hears_what_has_no_final() -> None:
    told: Told = []
    session = speaking_session(told)
    session.receive(DOWN, 100)
    session.receive_close(1012, "", 100)  # it was cut off
    session.begin_connection(101)
    session.receive(REFUSED, 101)
    session.receive_close(4410, "", 101)
    come_back(session, listening(epoch="00000002"), 102)
    session.watchers.tell()

    assert written(session) == [AUDIO[3200:]]
    assert ConnectionState.ERROR not in told


def test_a_refusal_that_overtakes_what_is_written_ends_no_audio() -> None:
    session = speaking_session()
    session.receive(DOWN, 100)
    session.receive_close(1012, "", 100)  # it was cut off
    session.begin_connection(101)
    session.note_unwritable(4410)
    kept = session.add_audio(b"aa")
    session.receive(REFUSED, 101)
    session.receive_close(4410, "", 101)
    come_back(session, listening(epoch="00000002"), 102)

    assert kept
    assert written(session) == [AUDIO[3200:] + b"aa"]


def test_a_server_that_tells_its_end_only_to_who_comes_back_is_no_end() -> None:
    session = speaking_session()
    session.receive(DOWN, 100)
    lose(session)
    come_back(session, DOWN)
    for text in (listening(received=len(AUDIO), finals=1), STOPPED):
        session.receive(text, 101)
    session.receive_close(1000, "", 101)

    assert not session.has_ended
    assert session.add_audio(b"aa")
    come_back(session, listening(epoch="00000002"), 102)
    assert written(session) == [AUDIO[3200:] + b"aa"]


@pytest.mark.parametrize(
    ("acknowledged", "goes_on"),
    [(len(AUDIO), False), (len(AUDIO) - 2, True)],
)
def test_who_has_said_stop_goes_on_only_for_what_was_not_heard(
    acknowledged: int, *, goes_on: bool
) -> None:
    session = speaking_session()
    told = f'"received_bytes":{acknowledged},"replay_from_bytes":0'
    session.receive(f'{{"state":"received",{told}}}', 100)
    session.receive(DOWN, 100)
    session.stop()
    written(session)
    session.receive(STOPPED, 100)
    session.receive_close(1012, "", 100)

    assert session.has_ended is not goes_on
    assert session.failure is None or goes_on
    if goes_on:
        come_back(session, listening(epoch="00000002"))
        assert written(session) == [AUDIO[3200:], STOP]


def test_a_recording_whose_server_ends_by_itself_has_not_ended_well() -> None:
    session = listening_session()
    session.add_audio(b"ID3\x04" + AUDIO)
    written(session)
    session.receive(DOWN, 100)
    lose(session)
    come_back(session, DOWN)
    for text in (listening(received=4), STOPPED):
        session.receive(text, 101)
    session.receive_close(1000, "", 101)

    assert session.has_ended
    assert isinstance(session.failure, ClosedError)


def test_who_has_said_stop_and_come_back_has_been_heard_too() -> None:
    session = speaking_session()
    session.stop()
    written(session)
    lose(session)
    come_back(session, listening(received=len(AUDIO), finals=1))
    for text in (DOWN, STOPPED):
        session.receive(text, 101)
    session.receive_close(1012, "", 101)

    assert (session.has_ended, session.failure) == (True, None)


def test_where_no_server_comes_what_is_lost_is_told() -> None:
    session = speaking_session()
    session.receive(DOWN, 100)
    session.receive(STOPPED, 100)
    session.receive_close(1012, "", 100)
    while session.retry_at is not None:
        session.fail_attempt(NOBODY, session.retry_at)

    assert isinstance(session.failure, SessionLostError)
    assert session.failure.lost_ms == 100


def test_an_attempt_that_fails_is_no_error_to_who_watches() -> None:
    told: Told = []
    session = speaking_session(told)
    lose(session)
    session.begin_connection(101)
    session.receive('{"error":"too many sessions"}', 101)
    session.receive_close(1013, "", 101)
    session.watchers.tell()

    assert ConnectionState.ERROR not in told
    assert isinstance(session.watchers, Watchers)
    assert session.watchers.state is ConnectionState.CONNECTING
