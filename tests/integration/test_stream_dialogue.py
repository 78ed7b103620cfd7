"""Stream mode on the wire: what the server core says, and that the client core follows it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.errors import ClientFault, CloseCode
from scribewire.events import Final
from scribewire.grants import NO_LIMITS
from scribewire.protocol.dialogue import (
    AudioEnded,
    Close,
    DialogueEvent,
    ProtocolMisuseError,
    SessionAborted,
    SessionStarted,
)
from scribewire.protocol.policy import ServerPolicy
from scribewire.protocol.scriptix.client import ClientConnection
from scribewire.protocol.scriptix.client_events import (
    ClientEvent,
    ConnectionFailed,
    Disconnected,
    StateChanged,
)
from scribewire.protocol.scriptix.endpoint import STREAM
from scribewire.protocol.scriptix.handshake import Handshake
from scribewire.protocol.scriptix.server import ServerConnection
from scribewire.protocol.scriptix.states import ConnectionState, DialogueState, is_over
from scribewire.wishes import Wishes

POLICY = ServerPolicy(
    languages=frozenset({"en"}),
    default_language="en",
    grant_of=lambda key: NO_LIMITS if key == "good" else None,
    serves_streams=True,
)
URL = "https://example.org/live?sig=1"
PULLING = Handshake(endpoint=STREAM, keys=("good",), wishes=Wishes(url=URL))
LOADING = '{"state":"loading"}'
LISTENING = '{"state":"listening","session_id":"5e55"}'
STOPPED = '{"state":"stopped"}'
FINAL = Final(utterance=0, text="Hi.", start_sample=0, end_sample=320, decided_sample=320)
FINAL_LINE = '{"text":"Hi.","is_final":true,"offset_ms":20}'
GONE = ClientFault("invalid stream: HTTP 404")
LOST = ClientFault("invalid stream: HTTP 404", CloseCode.SERVER_FAULT)
GONE_LINE = '{"error":"invalid stream: HTTP 404"}'
STARTED = SessionStarted(Wishes(language="en", url=URL))


def connect(handshake: Handshake = PULLING) -> ServerConnection:
    return ServerConnection(handshake, POLICY, session_id="5e55", now=100)


def events(server: ServerConnection) -> list[DialogueEvent]:
    return list(iter(server.next_event, None))


def written(server: ServerConnection) -> list[str | Close]:
    return list(iter(server.next_outgoing, None))


def test_a_session_starts_by_itself_with_what_the_handshake_asked_for() -> None:
    asked = Wishes(
        mode="quality",
        language="en",
        url=URL,
        endpointing_ms=700,
        speakers=False,
        pace="realtime",
    )
    server = connect(
        Handshake(
            endpoint=STREAM,
            keys=("good",),
            wishes=asked,
        )
    )

    assert written(server) == [LOADING]
    assert events(server) == [
        SessionStarted(asked),
    ]
    assert server.state is DialogueState.OPENING


def test_without_a_key_nothing_starts() -> None:
    server = connect(Handshake(endpoint=STREAM, wishes=Wishes(url=URL)))

    error = "missing token: expected a key in the path or in a header"
    assert written(server) == ['{"error":"' + error + '"}', Close(1008, error)]
    assert events(server) == []


def test_a_finite_source_ends_with_stopped() -> None:
    server = connect()

    server.send_listening()
    server.end_session(CloseCode.NORMAL)
    server.send_result(FINAL)
    server.finish()

    assert events(server) == [STARTED, AudioEnded()]
    assert written(server) == [LOADING, LISTENING, FINAL_LINE, STOPPED, Close(1000)]


def test_a_lost_source_may_be_opened_again_and_again() -> None:
    server = connect()

    for _ in range(3):
        server.send_listening()
        server.send_loading()
        server.send_result(FINAL)

    assert written(server) == [LOADING, *[LISTENING, LOADING, FINAL_LINE] * 3]
    assert server.timer_at is None


@pytest.mark.parametrize(("fault", "code"), [(GONE, 1008), (LOST, 1011)])
def test_a_source_that_fails_is_told_after_the_finals(fault: ClientFault, code: int) -> None:
    server = connect()
    server.send_listening()

    server.fail_source(fault)
    server.fail_source(ClientFault("second"))
    server.reject(ClientFault("third"))
    server.end_session(CloseCode.RESTART)
    server.send_result(FINAL)
    server.finish()

    assert events(server) == [STARTED, AudioEnded()]
    assert written(server) == [LOADING, LISTENING, FINAL_LINE, GONE_LINE, Close(code, GONE.message)]


def test_a_source_that_never_was_has_no_finals() -> None:
    server = connect()

    server.fail_source(GONE)
    server.finish()

    assert events(server) == [STARTED, AudioEnded()]
    assert written(server) == [LOADING, GONE_LINE, Close(1008, GONE.message)]


def test_a_source_that_fails_after_stop_is_not_told() -> None:
    server = connect()
    server.send_listening()
    server.receive_text('{"action":"stop"}')

    server.fail_source(LOST)
    server.finish()

    assert written(server) == [LOADING, LISTENING, STOPPED, Close(1000)]


def test_a_source_has_its_time_to_open() -> None:
    server = connect()
    assert server.timer_at == 115

    server.handle_timer(114.9)
    assert events(server) == [STARTED]
    server.handle_timer(115)
    assert events(server) == [AudioEnded()]
    server.finish()

    loading, told, close = written(server)
    assert loading == LOADING
    assert isinstance(told, str)
    assert told.startswith('{"error":"connection timeout: no audio from `url` within 15 s')
    assert isinstance(close, Close)
    assert close.code == 1008


def test_a_shell_may_not_send_results_before_listening() -> None:
    with pytest.raises(ProtocolMisuseError):
        connect().send_result(FINAL)


# The client's side.


def told(client: ClientConnection) -> list[ClientEvent]:
    return list(iter(client.next_event, None))


def test_a_stream_is_followed_without_a_word_of_ours() -> None:
    client = ClientConnection(now=100, endpoint=STREAM)

    for line in [
        LOADING,
        LISTENING,
        FINAL_LINE,
        LOADING,
        FINAL_LINE,
        LISTENING,
        FINAL_LINE,
        STOPPED,
    ]:
        client.receive_text(line, 100)
    client.receive_close(1000, "")

    assert list(iter(client.next_outgoing, None)) == []
    assert client.timer_at is None
    assert [event.state.value for event in told(client) if isinstance(event, StateChanged)] == [
        "loading",
        "listening",
        "connected",
        "loading",
        "listening",
        "connected",
        "disconnected",
    ]


def test_a_stream_can_be_stopped_at_any_time() -> None:
    client = ClientConnection(now=100, endpoint=STREAM)

    client.send_stop()
    client.send_stop()
    client.receive_text(LISTENING, 100)
    client.receive_text(FINAL_LINE, 100)

    assert list(iter(client.next_outgoing, None)) == ['{"action":"stop"}']
    assert client.state is ConnectionState.CONNECTED


def test_a_stream_has_its_time_to_open_once() -> None:
    client = ClientConnection(now=100, endpoint=STREAM)
    timers = [client.timer_at]

    for line in [LOADING, LISTENING, LOADING]:
        client.receive_text(line, 100)
        timers.append(client.timer_at)

    assert timers == [115, 115, None, None]


def test_start_and_audio_have_no_place_in_stream_mode() -> None:
    client = ClientConnection(now=100, endpoint=STREAM)

    with pytest.raises(ProtocolMisuseError, match="send_start in stream mode"):
        client.send_start()
    with pytest.raises(ProtocolMisuseError, match="send_audio in stream mode"):
        client.send_audio(b"")

    assert list(iter(client.next_outgoing, None)) == []


def test_a_result_before_listening_breaks_the_protocol_of_streams_too() -> None:
    client = ClientConnection(now=100, endpoint=STREAM)

    client.receive_text(FINAL_LINE, 100)

    reason = "the server broke the protocol: server result too early or late"
    assert told(client) == [
        ConnectionFailed(reason),
        StateChanged(ConnectionState.ERROR),
    ]


# Properties.

CLIENT_ACTS = [
    "start",
    "audio",
    "malformed",
    "unknown",
    "stop",
    "close",
]
SHELL_ACTS = ["read", "lose", "result", "end", "fail", "lost", "shut down", "our fault", "wait"]


class Wire:
    """A server and a client core joined by a wire that delivers when it is told to.

    The shell is dutiful: it sends results only after `listening`, and finishes when it is asked.
    """

    def __init__(self) -> None:
        self.server = connect()
        self.client = ClientConnection(now=100, endpoint=STREAM)
        self.failures: list[ConnectionFailed] = []
        self.ends = 0
        self.facts: list[DialogueEvent] = []
        self.has_listened = False

    def act(self, act: str) -> None:
        match act:
            case "start":
                self.server.receive_text('{"action":"start","partial":false}')
            case "audio":
                self.server.receive_bytes(b"\0\0")
            case "malformed":
                self.server.receive_text("{")
            case "unknown":
                self.server.receive_text('{"action":"x"}')
            case "stop":
                self.client.send_stop()
            case "close":
                self.client.send_close()
            case _:
                self.act_as_shell(act)

    def act_as_shell(self, act: str) -> None:
        match act:
            case "read":
                self.server.send_listening()
                self.has_listened = True
            case "lose" if self.has_listened:
                self.server.send_loading()
            case "result" if self.has_listened:
                self.server.send_result(FINAL)
            case "end":
                self.server.end_session(CloseCode.NORMAL)
            case "fail" | "lost":
                self.server.fail_source(LOST if act == "lost" else GONE)
            case "shut down":
                self.server.end_session(CloseCode.RESTART)
            case "our fault":
                self.server.fail("failed")
            case "wait":
                self.server.handle_timer(1000)

    def deliver_to_client(self) -> None:
        while (message := self.server.next_outgoing()) is not None:
            if isinstance(message, str):
                self.client.receive_text(message, 100)
            else:
                self.client.receive_close(message.code, message.reason)
        while (event := self.client.next_event()) is not None:
            if isinstance(event, ConnectionFailed):
                self.failures.append(event)
            self.ends += isinstance(event, Disconnected)

    def deliver_to_server(self) -> None:
        while (message := self.client.next_outgoing()) is not None:
            match message:
                case str():
                    self.server.receive_text(message)
                case Close():
                    self.server.receive_disconnect()
                    self.client.receive_close(1000, "")

    def answer(self) -> None:
        while (fact := self.server.next_event()) is not None:
            self.facts.append(fact)
            if fact == AudioEnded():
                self.server.finish()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(CLIENT_ACTS + SHELL_ACTS), st.sampled_from(["to", "fro", "answer"])
        ),
        max_size=20,
    )
)
def test_a_client_understands_every_stream_that_a_server_can_serve(
    acts: list[tuple[str, str]],
) -> None:
    wire = Wire()

    for act, delivery in acts:
        wire.act(act)
        match delivery:
            case "to":
                wire.deliver_to_client()
            case "fro":
                wire.deliver_to_server()
            case _:
                wire.answer()
    wire.act("end")
    for _ in range(2):  # what is under way may call for an answer
        wire.deliver_to_server()
        wire.answer()
        wire.deliver_to_client()

    assert wire.failures == []
    assert wire.ends == 1
    assert is_over(wire.server.state)
    assert wire.client.state in (ConnectionState.DISCONNECTED, ConnectionState.ERROR)
    assert wire.facts[0] == STARTED
    assert wire.facts.count(AudioEnded()) <= 1
    assert wire.facts.count(SessionAborted()) <= 1
