"""How the server's side ends, whoever ends it."""

from __future__ import annotations

from scribewire.errors import ClientFault, CloseCode
from scribewire.events import Final, Partial
from scribewire.grants import NO_LIMITS
from scribewire.protocol.dialogue import (
    AudioEnded,
    Close,
    DialogueEvent,
    SessionAborted,
)
from scribewire.protocol.policy import ServerPolicy
from scribewire.protocol.scriptix.endpoint import MICROPHONE
from scribewire.protocol.scriptix.handshake import Handshake
from scribewire.protocol.scriptix.server import ServerConnection
from scribewire.protocol.scriptix.states import DialogueState

POLICY = ServerPolicy(
    languages=frozenset({"en"}),
    default_language="en",
    grant_of=lambda key: NO_LIMITS if key == "good" else None,
)
PUSHING = Handshake(endpoint=MICROPHONE, keys=("good",))

START = '{"action":"start"}'
STOP = '{"action":"stop"}'
STOPPED = '{"state":"stopped"}'
PARTIAL = Partial(utterance=0, text="hi", start_sample=0, end_sample=160)
FINAL = Final(utterance=0, text="Hi.", start_sample=0, end_sample=320, decided_sample=320)
FINAL_LINE = '{"text":"Hi.","is_final":true,"offset_ms":20}'
FAULT = ClientFault("no")


def connect() -> ServerConnection:
    return ServerConnection(PUSHING, POLICY, session_id="5e55", now=100)


def listening() -> ServerConnection:
    """Return a connection that listens, with nothing pending."""
    server = connect()
    server.receive_text(START)
    server.send_listening()
    events(server)
    written(server)
    return server


def events(server: ServerConnection) -> list[DialogueEvent]:
    return list(iter(server.next_event, None))


def written(server: ServerConnection) -> list[str | Close]:
    return list(iter(server.next_outgoing, None))


def error(message: str) -> str:
    return '{"error":"' + message.replace('"', '\\"') + '"}'


def test_a_fault_of_another_layer_is_told_at_once_and_closes_after_the_finals() -> None:
    server = listening()

    server.reject(FAULT)
    server.reject(ClientFault("second"))
    assert written(server) == [error("no")]
    assert events(server) == [AudioEnded()]
    server.send_result(FINAL)
    server.finish()

    assert written(server) == [FINAL_LINE, Close(1008, "no")]


def test_a_fault_found_while_flushing_is_told_too() -> None:
    server = listening()
    server.receive_text(STOP)

    server.reject(FAULT)
    server.finish()

    assert events(server) == [AudioEnded()]
    assert written(server) == [error("no"), Close(1008, "no")]


def test_our_own_fault_closes_at_once() -> None:
    server = listening()

    server.fail("recognition failed")
    server.fail("recognition failed")
    server.send_result(FINAL)
    server.finish()
    server.receive_disconnect()

    assert written(server) == []
    assert events(server) == []
    assert server.state is DialogueState.CLOSED


def test_our_own_fault_is_told() -> None:
    server = listening()

    server.fail("recognition failed")

    assert written(server) == [error("recognition failed"), Close(1011, "recognition failed")]


def test_a_shutdown_flushes_like_a_stop() -> None:
    server = listening()

    server.end_session(CloseCode.RESTART)
    server.receive_bytes(b"\0\0")
    server.send_result(FINAL)
    server.finish()

    assert events(server) == [AudioEnded()]
    assert written(server) == [FINAL_LINE, STOPPED, Close(1012)]


def test_a_shutdown_does_not_change_an_ending_that_has_begun() -> None:
    server = listening()
    server.receive_text(STOP)

    server.end_session(CloseCode.RESTART)
    server.finish()

    assert events(server) == [AudioEnded()]
    assert written(server) == [STOPPED, Close(1000)]


def test_with_no_session_the_end_needs_no_shell() -> None:
    stopped, ended = connect(), connect()

    stopped.receive_text(STOP)
    ended.end_session(CloseCode.GOING_AWAY)

    assert written(stopped) == [STOPPED, Close(1000)]
    assert written(ended) == [STOPPED, Close(1001)]
    assert events(stopped) == events(ended) == []


def test_a_client_that_is_gone_aborts_its_session_once() -> None:
    server = listening()
    server.send_result(PARTIAL)

    server.receive_disconnect()
    server.receive_disconnect()
    server.receive_text(START)
    server.send_result(FINAL)
    server.end_session(CloseCode.RESTART)
    server.finish()
    server.fail("too late")

    assert events(server) == [SessionAborted()]
    assert written(server) == []


def test_a_client_that_goes_after_the_end_aborts_nothing() -> None:
    server = listening()
    server.receive_text(STOP)
    server.finish()

    server.receive_disconnect()

    assert events(server) == [AudioEnded()]
