from __future__ import annotations

import pytest

from scribewire.client.opening import Opening
from scribewire.client.session_connection import SessionConnection
from scribewire.protocol.scriptix.endpoint import MICROPHONE

LISTENING = '{"state":"listening","session_id":"5e55"}'


def begin() -> SessionConnection:
    opening = Opening(url="ws://h", endpoint=MICROPHONE, key="key-1", timeout_s=15)
    connection = SessionConnection(opening, silence_s=10, now=100)
    connection.dialogue.send_start()
    connection.dialogue.take_outgoing()
    return connection


def listening() -> SessionConnection:
    connection = begin()
    connection.dialogue.receive(LISTENING, 100)
    connection.is_listening = True
    return connection


def test_it_can_be_written_to_while_it_is_listened_to() -> None:
    early, broken, ended = begin(), listening(), listening()
    broken.is_broken = True
    ended.dialogue.receive('{"state":"stopped"}', 100)

    writable = [one.is_writable for one in (early, listening(), broken, ended)]

    assert writable == [False, True, False, False]


@pytest.mark.parametrize(("now", "expected"), [(114.9, False), (115, True)])
def test_one_that_is_not_listened_to_in_time_is_given_up(now: float, *, expected: bool) -> None:
    connection = begin()
    connection.silence.note_heard(now - 1)
    at = connection.look_at

    connection.give_up_if_late(now)

    assert at == min(now + 1, 115)
    assert connection.is_given_up is expected


@pytest.mark.parametrize(("now", "expected"), [(112.9, False), (113, True)])
def test_one_whose_audio_is_not_answered_is_given_up(now: float, *, expected: bool) -> None:
    connection = listening()
    before = connection.look_at
    connection.silence.note_sent(103)

    connection.give_up_if_late(now)

    assert (before, connection.look_at) == (102, 113)
    assert connection.is_given_up is expected
