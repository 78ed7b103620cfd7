from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from scribewire.client.dialogue import ClientDialogue, Message
from scribewire.client.errors import (
    ClosedError,
    ConnectTimeoutError,
    ProtocolViolationError,
    SessionError,
    StreamModeError,
)
from scribewire.client.opening import Opening
from scribewire.protocol.dialects import LEGACY
from scribewire.protocol.dialogue import Close
from scribewire.protocol.results import FinalResult, PartialResult
from scribewire.protocol.resuming import Position
from scribewire.protocol.scriptix.endpoint import MICROPHONE, STREAM, Endpoint
from scribewire.protocol.scriptix.messages import AudioAcknowledged, ShuttingDown
from scribewire.protocol.scriptix.states import ConnectionState
from scribewire.wishes import USUAL, Wishes

LISTENING = '{"state":"listening","session_id":"5e55"}'
PARTIAL = '{"text":"hel","is_final":false,"offset_ms":320}'
FINAL = '{"text":"hello","is_final":true,"offset_ms":640}'

HEL = PartialResult(text="hel", offset_ms=320)
HELLO = FinalResult(text="hello", offset_ms=640)


def open_dialogue(
    *,
    endpoint: Endpoint = MICROPHONE,
    wishes: Wishes = USUAL,
) -> ClientDialogue:
    opening = Opening(
        url="ws://h" + endpoint.path,
        endpoint=endpoint,
        key="key-1",
        wishes=wishes,
        timeout_s=15,
    )
    return ClientDialogue(opening, now=100)


def listening_dialogue() -> ClientDialogue:
    dialogue = open_dialogue()
    dialogue.send_start()
    dialogue.take_outgoing()
    dialogue.receive(LISTENING, 100)
    return dialogue


def messages_of(dialogue: ClientDialogue) -> Iterator[Message]:
    while (message := dialogue.next_message()) is not None:
        yield message


def test_start_says_what_the_opening_wants() -> None:
    dialogue = open_dialogue(wishes=Wishes(partials=False, digits=True))

    dialogue.send_start()

    assert dialogue.take_outgoing() == ['{"action":"start","partial":false,"actual_numbers":true}']
    assert dialogue.timer_at == 115


def test_audio_and_stop_go_out_in_order_and_audio_after_stop_does_not() -> None:
    dialogue = listening_dialogue()

    dialogue.send_audio(b"\x01\x00")
    dialogue.send_stop()
    dialogue.send_audio(b"\x02\x00")
    dialogue.send_stop()

    assert dialogue.take_outgoing() == [b"\x01\x00", '{"action":"stop"}']


def test_results_are_handed_out_in_order() -> None:
    dialogue = listening_dialogue()

    for text in [PARTIAL, FINAL, '{"state":"shutting_down","at":7}', '{"mood":"good"}']:
        dialogue.receive(text, 100)

    assert dialogue.session_id == "5e55"
    assert list(messages_of(dialogue)) == [HEL, HELLO, ShuttingDown(7)]


def test_legacy_results_are_understood() -> None:
    dialogue = open_dialogue(endpoint=LEGACY)
    dialogue.send_start()

    for text in [LISTENING, '{"partial":"hel"}', '{"result":[],"text":"hello"}']:
        dialogue.receive(text, 100)

    assert list(messages_of(dialogue)) == [
        PartialResult(text="hel", offset_ms=0),
        FinalResult(text="hello", offset_ms=0, words=()),
    ]


def test_a_stream_says_no_start_and_takes_no_audio() -> None:
    dialogue = open_dialogue(endpoint=STREAM)

    dialogue.send_start()
    with pytest.raises(StreamModeError):
        dialogue.check_pushing()
    dialogue.send_stop()

    assert dialogue.take_outgoing() == ['{"action":"stop"}']


def test_pushed_audio_is_welcome() -> None:
    open_dialogue().check_pushing()


def test_partials_of_a_stream_can_be_declined() -> None:
    dialogue = open_dialogue(endpoint=STREAM, wishes=Wishes(partials=False))

    for text in [LISTENING, PARTIAL, FINAL]:
        dialogue.receive(text, 100)

    assert list(messages_of(dialogue)) == [HELLO]


def test_a_stream_that_does_not_open_is_told_as_one() -> None:
    dialogue = open_dialogue(endpoint=STREAM)

    dialogue.receive('{"state":"loading"}', 100)
    dialogue.handle_timer(115)
    dialogue.receive_close(1000, "")

    with pytest.raises(ConnectTimeoutError, match="whether the stream can be played"):
        dialogue.check_opening()


def test_a_finite_stream_ends_well_without_stop() -> None:
    dialogue = open_dialogue(endpoint=STREAM)

    for text in [LISTENING, FINAL, '{"state":"stopped"}']:
        dialogue.receive(text, 100)
    dialogue.receive_close(1000, "")

    assert list(messages_of(dialogue)) == [HELLO]
    assert dialogue.failure is None


def test_each_state_is_told_once_in_order() -> None:
    dialogue = open_dialogue()
    dialogue.send_start()
    dialogue.receive('{"state":"loading"}', 100)
    before = dialogue.take_states()

    for text in [LISTENING, PARTIAL, FINAL]:
        dialogue.receive(text, 100)
    dialogue.send_stop()
    dialogue.receive('{"state":"stopped"}', 100)
    dialogue.receive_close(1000, "")

    assert [state.value for state in before] == ["connecting", "loading"]
    assert [state.value for state in dialogue.take_states()] == [
        "listening", "connected", "disconnected",
    ]  # fmt: skip
    assert dialogue.take_states() == []
    assert dialogue.state is ConnectionState.DISCONNECTED


def test_where_a_session_is_that_can_be_resumed_is_known() -> None:
    dialogue = open_dialogue(endpoint=STREAM)
    told = '{"state":"listening","session_id":"5e55","epoch":"89abcdef"'
    before = dialogue.position

    dialogue.receive(told + ',"received_bytes":320,"finals":2}', 100)
    dialogue.receive('{"state":"received","received_bytes":64,"replay_from_bytes":32}', 100)
    dialogue.receive(told + ',"received_bytes":640,"finals":3}', 100)  # the source is back

    assert before is None
    assert dialogue.position == Position(epoch="89abcdef", received_bytes=320, finals=2)
    assert dialogue.received == AudioAcknowledged(64, 32)


def test_the_end_can_be_wanted_before_it_is_asked_for() -> None:
    dialogue = listening_dialogue()

    dialogue.note_asked()
    dialogue.receive('{"state":"stopped"}', 100)
    dialogue.receive_close(1012, "")

    assert dialogue.failure is None


@pytest.mark.parametrize("message", ['{"state":"stopped"}', "<html>"])
def test_it_is_open_until_its_end_is_known(message: str) -> None:
    dialogue = listening_dialogue()
    was_open = dialogue.is_open

    dialogue.receive(message, 100)

    assert (was_open, dialogue.is_open) == (True, False)


def test_stopped_is_answered_with_a_close() -> None:
    dialogue = listening_dialogue()
    dialogue.send_stop()
    dialogue.take_outgoing()

    dialogue.receive('{"state":"stopped"}', 100)
    outgoing = dialogue.take_outgoing()
    dialogue.receive_close(1000, "")

    assert outgoing == [Close(1000)]
    assert dialogue.has_ended
    assert dialogue.failure is None


def test_leaving_is_no_failure_and_nothing_is_heard_any_more() -> None:
    dialogue = listening_dialogue()

    dialogue.send_close()
    outgoing = dialogue.take_outgoing()
    dialogue.receive(FINAL, 100)
    dialogue.receive_close(None, None)
    dialogue.send_close()

    assert outgoing == [Close(1000)]
    assert list(messages_of(dialogue)) == []
    assert dialogue.take_outgoing() == []
    assert dialogue.failure is None


def test_a_failure_stays_when_the_user_leaves_afterwards() -> None:
    dialogue = listening_dialogue()

    dialogue.receive_close(1006, "")
    dialogue.send_close()

    assert isinstance(dialogue.failure, ClosedError)


def test_an_error_is_logged_without_the_transcript(caplog: pytest.LogCaptureFixture) -> None:
    dialogue = listening_dialogue()

    with caplog.at_level(logging.DEBUG, "scribewire.client"):
        dialogue.receive('{"error":"bad audio"}', 100)
        dialogue.receive(FINAL, 100)
        dialogue.receive_close(1008, "bad audio")

    failure = dialogue.failure
    assert isinstance(failure, SessionError)
    assert (failure.error, failure.code) == ("bad audio", 1008)
    assert caplog.messages == [
        "5e55 ! bad audio", "5e55 = error", "5e55 x closed 1008 bad audio",
    ]  # fmt: skip


def test_a_binary_message_is_a_violation_and_closes() -> None:
    dialogue = listening_dialogue()

    dialogue.receive(b"\x00", 100)
    (close,) = dialogue.take_outgoing()
    dialogue.receive_close(1000, "")

    assert isinstance(close, Close)
    assert isinstance(dialogue.failure, ProtocolViolationError)


@pytest.mark.parametrize(
    ("texts", "state"),
    [([], ConnectionState.CONNECTING), (['{"state":"loading"}'], ConnectionState.LOADING)],
)
def test_a_server_that_is_not_listening_in_time_is_left(
    texts: list[str], state: ConnectionState
) -> None:
    dialogue = open_dialogue()
    dialogue.send_start()
    dialogue.take_outgoing()
    for text in texts:
        dialogue.receive(text, 100)

    dialogue.handle_timer(114.9)
    too_early = dialogue.take_outgoing()
    dialogue.handle_timer(115)
    (close,) = dialogue.take_outgoing()
    dialogue.receive_close(1000, "")

    assert too_early == []
    assert isinstance(close, Close)
    with pytest.raises(ConnectTimeoutError) as raised:
        dialogue.check_opening()
    assert raised.value.state is state


def test_an_opening_that_ended_is_a_failure_even_when_it_ended_well() -> None:
    dialogue = open_dialogue()
    dialogue.send_start()
    dialogue.check_opening()

    dialogue.receive('{"state":"stopped"}', 100)
    dialogue.receive_close(1000, "")

    with pytest.raises(ClosedError):
        dialogue.check_opening()


def test_what_comes_before_listening_is_kept_but_not_without_bound() -> None:
    dialogue = open_dialogue()
    dialogue.send_start()

    for at in range(1000):
        dialogue.receive(f'{{"state":"shutting_down","at":{at}}}', 100)

    assert list(messages_of(dialogue)) == [ShuttingDown(at) for at in range(984, 1000)]
