from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.protocol.dialects import LEGACY
from scribewire.protocol.dialogue import Close, ProtocolMisuseError
from scribewire.protocol.results import FinalResult, PartialResult
from scribewire.protocol.scriptix.client import AUDIO_MESSAGE_BYTES, ClientConnection
from scribewire.protocol.scriptix.client_events import (
    ClientEvent,
    ConnectionFailed,
    Disconnected,
    StateChanged,
)
from scribewire.protocol.scriptix.endpoint import STREAM
from scribewire.protocol.scriptix.messages import (
    ErrorMessage,
    Listening,
    Loading,
    ShuttingDown,
    Stopped,
    UnknownMessage,
)
from scribewire.protocol.scriptix.states import ConnectionState
from scribewire.wishes import Wishes

START = '{"action":"start"}'
STOP = '{"action":"stop"}'
LISTENING = '{"state":"listening","session_id":"5e55"}'
STOPPED = '{"state":"stopped"}'
FINAL = '{"text":"Hi.","is_final":true,"offset_ms":20}'
ERROR = '{"error":"no"}'
LOADING = '{"state":"loading"}'

CONNECTING = ConnectionState.CONNECTING
ERRONEOUS = [StateChanged(ConnectionState.ERROR)]


def connect() -> ClientConnection:
    return ClientConnection(now=100)


def listening() -> ClientConnection:
    """Return a connection that is listened to, with nothing pending."""
    client = connect()
    client.send_start()
    client.receive_text(LISTENING, 100)
    events(client)
    written(client)
    return client


def events(client: ClientConnection) -> list[ClientEvent]:
    return list(iter(client.next_event, None))


def written(client: ClientConnection) -> list[str | bytes | Close]:
    return list(iter(client.next_outgoing, None))


def test_a_session_from_start_to_end() -> None:
    client = connect()
    assert client.state is CONNECTING

    client.send_start(Wishes(partials=False, digits=True), key="abc")
    client.receive_text('{"state":"loading"}', 100)
    client.receive_text(LISTENING, 100)
    client.send_audio(b"\0\0")
    client.receive_text('{"text":"hi","is_final":false,"offset_ms":10}', 100)
    client.receive_text('{"state":"shutting_down","at":5}', 100)
    client.send_stop()
    client.receive_text(FINAL, 100)
    client.receive_text(STOPPED, 100)
    sent = written(client)
    client.receive_close(1000, "")

    assert sent == [
        '{"action":"start","key":"abc","partial":false,"actual_numbers":true}',
        b"\0\0",
        STOP,
    ]
    assert events(client) == [
        Loading(),
        StateChanged(ConnectionState.LOADING),
        Listening("5e55"),
        StateChanged(ConnectionState.LISTENING),
        PartialResult(text="hi", offset_ms=10),
        StateChanged(ConnectionState.CONNECTED),
        ShuttingDown(5),
        FinalResult(text="Hi.", offset_ms=20),
        Stopped(),
        StateChanged(ConnectionState.DISCONNECTED),
        Disconnected(1000, ""),
    ]


def test_the_legacy_endpoint_has_its_own_results() -> None:
    client = ClientConnection(now=0, endpoint=LEGACY)
    client.send_start()
    client.receive_text(LISTENING, 100)
    events(client)

    client.receive_text('{"partial":"hi"}', 100)

    assert events(client) == [
        PartialResult(text="hi", offset_ms=0),
        StateChanged(ConnectionState.CONNECTED),
    ]


# Sending.


def test_long_audio_is_cut_into_messages() -> None:
    client = listening()

    client.send_audio(b"\0" * (2 * AUDIO_MESSAGE_BYTES + 1))
    client.send_audio(b"")

    assert [len(message) for message in written(client) if isinstance(message, bytes)] == [
        AUDIO_MESSAGE_BYTES,
        AUDIO_MESSAGE_BYTES,
        1,
    ]


def test_audio_before_start_is_our_mistake() -> None:
    with pytest.raises(ProtocolMisuseError, match="call send_start first"):
        connect().send_audio(b"\0\0")


def test_a_second_start_is_our_mistake() -> None:
    client = listening()

    with pytest.raises(ProtocolMisuseError, match="send_start called twice"):
        client.send_start()


def test_a_late_chunk_and_a_second_stop_are_dropped() -> None:
    client = listening()

    client.send_stop()
    client.send_audio(b"\0\0")
    client.send_stop()

    assert written(client) == [STOP]


def test_once_it_is_over_nothing_is_sent() -> None:
    client = connect()
    client.receive_text(ERROR, 100)
    client.receive_close(1008, "no")

    client.send_start()
    client.send_audio(b"\0\0")
    client.send_stop()
    client.send_close()

    assert written(client) == []


def test_leaving_is_no_error() -> None:
    client = listening()

    client.send_close()
    client.send_close()
    client.receive_text(FINAL, 100)
    client.receive_bytes(b"\0")
    sent = written(client)
    client.receive_close(1006, "")

    assert sent == [Close(1000)]
    assert events(client) == [
        StateChanged(ConnectionState.DISCONNECTED),
        Disconnected(1006, ""),
    ]


# What servers do wrong.

BROKEN = [
    # text while listening, reason
    ("hello", "the server sent malformed JSON at character 0"),
    ("[" * 100_000, "the server sent malformed JSON: nested too deeply"),
    ("[]", "the server sent a list: expected a JSON object"),
    ('{"is_final":true}', "the server sent text null: expected a string"),
    (LISTENING, "the server broke the protocol: server listening too early or late"),
]


@pytest.mark.parametrize(("text", "reason"), BROKEN, ids=range(len(BROKEN)))
def test_a_server_that_breaks_the_protocol_is_left(text: str, reason: str) -> None:
    client = listening()

    client.receive_text(text, 100)
    client.receive_text(FINAL, 100)

    assert events(client) == [ConnectionFailed(reason), *ERRONEOUS]
    assert written(client) == [Close(1000, reason)]


def test_a_result_before_listening_breaks_the_protocol() -> None:
    client = connect()
    client.send_start()

    client.receive_text(FINAL, 100)

    reason = "the server broke the protocol: server result too early or late"
    assert events(client) == [ConnectionFailed(reason), *ERRONEOUS]


def test_a_binary_message_breaks_the_protocol() -> None:
    client = listening()

    client.receive_bytes(b"\0\0")

    reason = "the server sent a binary message of 2 bytes: expected text"
    assert events(client) == [ConnectionFailed(reason), *ERRONEOUS]


def test_a_message_of_a_newer_server_changes_nothing() -> None:
    client = listening()

    client.receive_text('{"state":"warming"}', 100)

    assert events(client) == [UnknownMessage('{"state":"warming"}')]
    assert client.state is ConnectionState.LISTENING


def test_an_error_may_be_followed_by_finals() -> None:
    client = listening()

    client.receive_text(ERROR, 100)
    client.receive_text(FINAL, 100)
    client.receive_close(1008, "no")

    assert events(client) == [
        ErrorMessage("no"),
        *ERRONEOUS,
        FinalResult(text="Hi.", offset_ms=20),
        Disconnected(1008, "no"),
    ]


CLOSES = [
    # messages before the close, its code, state
    ([], 1000, "disconnected"),
    ([], 1001, "error"),
    ([], 1006, "error"),
    ([], 1009, "error"),
    ([STOPPED], 1000, "disconnected"),
    ([STOPPED], 1012, "disconnected"),
    ([ERROR], 1000, "error"),
]


@pytest.mark.parametrize(("lines", "code", "shown"), CLOSES)
def test_how_it_was_closed_tells_whether_all_was_well(
    lines: list[str], code: int, shown: str
) -> None:
    client = listening()
    for line in lines:
        client.receive_text(line, 100)

    client.receive_close(code, "")
    client.receive_close(code, "")

    assert client.state.value == shown
    assert events(client)[-1] == Disconnected(code, "")
    assert client.timer_at is None


# Time.


def test_a_server_that_is_not_listening_in_time_is_left() -> None:
    client = connect()
    client.send_start()
    client.receive_text('{"state":"loading"}', 100)
    client.send_stop()
    events(client)
    written(client)
    assert client.timer_at == 115

    client.handle_timer(114.9)
    client.handle_timer(115)
    client.handle_timer(116)

    reason = "connection timeout: the server was not listening within 15 s"
    assert events(client) == [ConnectionFailed(reason), *ERRONEOUS]
    assert written(client) == [Close(1000, reason)]
    assert client.timer_at is None


def test_a_server_that_says_again_that_it_is_loading_has_as_long_again() -> None:
    client = connect()
    client.send_start()

    client.receive_text(LOADING, 101)
    client.receive_text(LOADING, 114)

    events(client)
    assert client.timer_at == 129
    client.handle_timer(128.9)
    assert events(client) == []
    client.handle_timer(129)
    assert events(client)[1:] == ERRONEOUS


def test_loading_of_a_stream_that_was_listened_to_sets_no_limit() -> None:
    client = ClientConnection(now=100, endpoint=STREAM)

    for line in [LOADING, LISTENING, LOADING]:
        client.receive_text(line, 101)

    assert client.timer_at is None


@pytest.mark.parametrize("line", [LISTENING, STOPPED])
def test_an_answer_stops_the_timer(line: str) -> None:
    client = connect()
    client.send_start()

    client.receive_text(line, 100)

    assert client.timer_at is None


# Properties.

SERVER_ACTS = st.one_of(
    st.sampled_from([LISTENING, STOPPED, FINAL, ERROR, '{"state":"loading"}', "{}", "{"]),
    st.text(st.characters(codec=None)),
    st.binary(max_size=2),
    st.sampled_from([1000, 1006, 1008]),
)
OWN_ACTS = st.sampled_from(["audio", "stop", "close", "wait"])


def act_as_server(client: ClientConnection, act: str | bytes | int) -> None:
    match act:
        case str():
            client.receive_text(act, 100)
        case bytes():
            client.receive_bytes(act)
        case int():
            client.receive_close(act, "")


def act_as_user(client: ClientConnection, act: str) -> None:
    match act:
        case "audio":
            client.send_audio(b"\0\0")
        case "stop":
            client.send_stop()
        case "close":
            client.send_close()
        case "wait":
            client.handle_timer(1000)


@given(st.lists(st.tuples(SERVER_ACTS, OWN_ACTS), max_size=10))
def test_no_server_can_crash_a_client(acts: list[tuple[str | bytes | int, str]]) -> None:
    client = connect()
    client.send_start()
    happened: list[ClientEvent] = []
    sent: list[str | bytes | Close] = []

    for server_act, own_act in acts:
        act_as_server(client, server_act)
        act_as_user(client, own_act)
        happened += events(client)
        sent += written(client)

    states = [event.state for event in happened if isinstance(event, StateChanged)]
    assert len(states) == len(set(states))
    assert states[-1:] in ([], [client.state])
    ends = [index for index, event in enumerate(happened) if isinstance(event, Disconnected)]
    assert ends in ([], [len(happened) - 1])
    closes = [index for index, message in enumerate(sent) if isinstance(message, Close)]
    assert closes in ([], [len(sent) - 1])
