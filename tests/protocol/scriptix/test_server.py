from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from scribewire.errors import ClientFault
from scribewire.events import Final, Partial
from scribewire.grants import NO_LIMITS
from scribewire.protocol.dialects import LEGACY
from scribewire.protocol.dialogue import (
    AudioEnded,
    AudioReceived,
    Close,
    DialogueEvent,
    ProtocolMisuseError,
    SessionAborted,
    SessionStarted,
)
from scribewire.protocol.policy import ServerPolicy
from scribewire.protocol.scriptix.endpoint import MICROPHONE, STREAM
from scribewire.protocol.scriptix.handshake import Handshake
from scribewire.protocol.scriptix.server import ServerConnection
from scribewire.protocol.scriptix.states import DialogueState
from scribewire.protocol.strict_json import MAX_MESSAGE_BYTES
from scribewire.wishes import AUTO, Wishes

GRANTS = {"good": NO_LIMITS}
POLICY = ServerPolicy(languages=frozenset({"en"}), default_language="en", grant_of=GRANTS.get)
PUSHING = Handshake(endpoint=MICROPHONE, keys=("good",))
IN_LEGACY = Handshake(endpoint=LEGACY, keys=("good",))

START = '{"action":"start"}'
STOP = '{"action":"stop"}'
LISTENING = '{"state":"listening","session_id":"5e55"}'
STOPPED = '{"state":"stopped"}'
PARTIAL = Partial(utterance=0, text="hi", start_sample=0, end_sample=160)
FINAL = Final(utterance=0, text="Hi.", start_sample=0, end_sample=320, decided_sample=320)
FINAL_LINE = '{"text":"Hi.","is_final":true,"offset_ms":20}'
FAULT = ClientFault("no")
STARTED = SessionStarted(Wishes(language="en"))


def connect(handshake: Handshake = PUSHING, *, policy: ServerPolicy = POLICY) -> ServerConnection:
    return ServerConnection(handshake, policy, session_id="5e55", now=100)


def listening(start: str = START) -> ServerConnection:
    """Return a connection that listens, with nothing pending."""
    server = connect()
    server.receive_text(start)
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


# Starting.


def test_a_start_opens_a_session_with_what_the_handshake_asked_for() -> None:
    server = connect(
        Handshake(
            endpoint=MICROPHONE,
            keys=("good",),
            wishes=Wishes(mode="quality", language="en", endpointing_ms=700, speakers=False),
        )
    )

    server.receive_text('{"action":"start","partial":false}')

    assert events(server) == [
        SessionStarted(
            Wishes(
                mode="quality", language="en", endpointing_ms=700, partials=False, speakers=False
            )
        )
    ]
    assert written(server) == []
    assert server.state is DialogueState.STARTING


def test_a_session_knows_all_languages_of_which_one_is_to_be_found_out() -> None:
    told_apart = frozenset({"en", "nl"})
    policy = replace(POLICY, languages=told_apart | {"pl"}, auto_languages=told_apart)
    server = connect(
        Handshake(endpoint=MICROPHONE, keys=("good",), wishes=Wishes(language=AUTO)), policy=policy
    )

    server.receive_text(START)

    assert events(server) == [SessionStarted(Wishes(language=AUTO, languages=("en", "nl")))]


KEYS = [
    # keys of the request, start, error
    (("good",), START, None),
    (("good",), '{"action":"start","key":"good"}', None),
    (("good",), '{"action":"start","key":""}', None),
    ((), '{"action":"start","key":"good"}', None),
    ((), START, "missing token"),
    ((), '{"action":"start","key":""}', "missing token"),
    ((), '{"action":"start","key":"bad"}', "unknown token"),
    (("good",), '{"action":"start","key":"bad"}', "unknown token"),
]


@pytest.mark.parametrize(("keys", "start", "complaint"), KEYS)
def test_a_start_needs_a_valid_key(
    keys: tuple[str, ...], start: str, complaint: str | None
) -> None:
    server = connect(Handshake(endpoint=MICROPHONE, keys=keys))

    server.receive_text(start)

    has_started = any(isinstance(event, SessionStarted) for event in events(server))
    assert has_started is (complaint is None)
    match written(server):
        case []:
            assert complaint is None
        case [str() as told, Close(code, reason)]:
            assert complaint
            assert complaint in told
            assert complaint in reason
            assert code == 1008
            assert "bad" not in told
        case unexpected:
            pytest.fail(f"{unexpected}")


AT_ONCE = [
    # handshake, error
    (Handshake(endpoint=MICROPHONE, fault=ClientFault("type best")), "type best"),
    (
        Handshake(endpoint=LEGACY, wishes=Wishes(language="nl")),
        "language nl: no model on this server; available: en",
    ),
    (
        Handshake(endpoint=STREAM),
        "stream mode: not served here; push audio to /v2/realtime instead",
    ),
]


@pytest.mark.parametrize(("handshake", "complaint"), AT_ONCE)
def test_a_bad_handshake_is_told_before_anything_is_heard(
    handshake: Handshake, complaint: str
) -> None:
    server = connect(handshake)

    server.receive_text(START)

    assert written(server) == [error(complaint), Close(1008, complaint)]
    assert events(server) == []
    assert server.timer_at is None


def test_a_stream_that_is_refused_has_not_begun_and_so_does_not_end() -> None:
    handshake = Handshake(
        endpoint=STREAM,
        keys=("good",),
        wishes=Wishes(url="https://a.example/", language="nl"),
    )
    policy = replace(POLICY, serves_streams=True)

    server = ServerConnection(handshake, policy, session_id="5e55", now=100)

    complaint = "language nl: no model on this server; available: en"
    assert written(server) == [error(complaint), Close(1008, complaint)]
    assert events(server) == []


def test_the_timer_runs_until_start() -> None:
    server = connect()
    timers = [server.timer_at]

    server.handle_timer(114.9)
    server.receive_text(START)
    timers.append(server.timer_at)
    server.handle_timer(1000)

    assert timers == [115, None]
    assert written(server) == []


def test_no_start_in_time_is_a_timeout() -> None:
    server = connect()

    server.handle_timer(115)
    server.handle_timer(115)

    match written(server):
        case [str() as told, Close(1008, reason)]:
            assert "connection timeout" in told
            assert "connection timeout" in reason
        case unexpected:
            pytest.fail(f"{unexpected}")
    assert server.timer_at is None


# Hearing.


def test_audio_comes_as_it_was_sent() -> None:
    server = connect()

    server.receive_text(START)
    server.receive_bytes(b"\x01")
    server.receive_bytes(b"")
    server.receive_bytes(b"\x02\x03")
    server.receive_text(STOP)

    assert events(server) == [
        STARTED,
        AudioReceived(b"\x01"),
        AudioReceived(b"\x02\x03"),
        AudioEnded(),
    ]


VIOLATIONS: list[tuple[str | bytes, str]] = [
    # message while listening, beginning of the error
    (START, "second `start`"),
    ("{", "malformed JSON"),
    ("[]", "text is not an object"),
    ('{"action":"start","partial":1}', "partial 1"),
]


@pytest.mark.parametrize(("message", "complaint"), VIOLATIONS)
def test_misuse_ends_the_session_after_its_finals(message: str, complaint: str) -> None:
    server = listening()

    server.receive_text(message)
    server.receive_bytes(b"\0\0")
    server.receive_text(message)
    server.send_result(FINAL)
    server.finish()

    assert events(server) == [AudioEnded()]
    told, final, close = written(server)
    assert isinstance(told, str)
    assert told.startswith('{"error":"' + complaint)
    assert final == FINAL_LINE
    assert isinstance(close, Close)
    assert close.code == 1008
    assert close.reason.startswith(complaint)


def test_audio_before_start_is_misuse() -> None:
    server = connect()

    server.receive_bytes(b"\0\0")

    complaint = 'audio before `start`: expected {"action":"start"} first; send it first'
    assert written(server) == [error(complaint), Close(1008, complaint)]
    assert events(server) == []


@pytest.mark.parametrize("connection", [connect, listening])
def test_an_unknown_action_is_told_and_forgiven(connection: Callable[[], ServerConnection]) -> None:
    server = connection()
    state = server.state

    server.receive_text('{"action":"' + "a" * 50 + '"}')

    assert written(server) == [error(f'action "{"a" * 39}…": expected "start" or "stop"')]
    assert events(server) == []
    assert server.state is state


@pytest.mark.parametrize("big", ["a" * (MAX_MESSAGE_BYTES + 1), bytes(MAX_MESSAGE_BYTES + 1)])
@pytest.mark.parametrize(("connection", "fact"), [(connect, []), (listening, [SessionAborted()])])
def test_a_message_too_big_ends_everything_without_a_word(
    connection: Callable[[], ServerConnection], fact: list[DialogueEvent], big: str | bytes
) -> None:
    server = connection()

    if isinstance(big, str):
        server.receive_text(big)
    else:
        server.receive_bytes(big)
    server.send_result(FINAL)
    server.finish()

    reason = "message over 1048576 bytes: send audio in messages of up to 64 KB"
    assert written(server) == [Close(1009, reason)]
    assert events(server) == fact


# Sending.


def test_a_session_is_written_line_by_line() -> None:
    server = connect()

    server.send_loading()
    server.receive_text(START)
    server.send_loading()
    server.send_listening()
    server.send_result(PARTIAL)
    server.announce_shutdown(1767225600)
    server.receive_text(STOP)
    server.send_result(FINAL)
    server.finish()

    assert written(server) == [
        '{"state":"loading"}',
        '{"state":"loading"}',
        LISTENING,
        '{"text":"hi","is_final":false,"offset_ms":10}',
        '{"state":"shutting_down","at":1767225600}',
        FINAL_LINE,
        STOPPED,
        Close(1000),
    ]


def test_the_legacy_endpoint_has_its_own_results() -> None:
    server = connect(IN_LEGACY)

    server.receive_text(START)
    server.send_listening()
    server.send_result(PARTIAL)
    server.send_result(replace(PARTIAL, end_sample=240, stability=0.5))
    server.send_result(FINAL)

    assert written(server) == [LISTENING, '{"partial":"hi"}', '{"text":"Hi."}']


def partial(text: str, stability: float | None = None) -> Partial:
    return replace(PARTIAL, text=text, stability=stability)


SHOWN = [
    # partials, and None for a final; which of them are sent
    ([partial("a"), partial("a")], [True, False]),
    ([partial("a"), partial("a", 0.5)], [True, True]),
    ([partial("a"), partial("b"), partial("a")], [True, True, True]),
    ([partial("a"), None, partial("a")], [True, True, True]),
]


@pytest.mark.parametrize(("results", "are_sent"), SHOWN)
def test_two_equal_partials_in_a_row_are_not_sent_twice(
    results: list[Partial | None], are_sent: list[bool]
) -> None:
    server = listening()
    sent = []

    for result in results:
        if result is None:
            server.send_result(FINAL)
        else:
            server.send_result(result)
        sent.append(bool(written(server)))

    assert sent == are_sent


def test_partials_can_be_declined() -> None:
    server = listening('{"action":"start","partial":false}')

    server.send_result(PARTIAL)
    server.send_result(FINAL)

    assert written(server) == [FINAL_LINE]


MISUSES: list[Callable[[ServerConnection], None]] = [
    lambda server: server.send_listening(),
    lambda server: server.send_result(PARTIAL),
    lambda server: server.send_result(FINAL),
    lambda server: server.finish(),
]


@pytest.mark.parametrize("misuse", MISUSES)
def test_a_shell_may_not_send_before_start(misuse: Callable[[ServerConnection], None]) -> None:
    server = connect()

    with pytest.raises(ProtocolMisuseError):
        misuse(server)

    assert written(server) == []
