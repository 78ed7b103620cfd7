from __future__ import annotations

from typing import get_args

from scribewire.protocol.scriptix.client_inputs import INPUTS, TIMEOUTS, VIOLATIONS
from scribewire.protocol.scriptix.messages import ClientMessage
from scribewire.protocol.scriptix.states import DialogueState, is_listened_to, next_state


def test_each_message_is_an_input() -> None:
    assert set(INPUTS) == set(get_args(ClientMessage))


def test_there_are_words_for_each_violation_and_for_nothing_else() -> None:
    forbidden = {
        (state, given)
        for state in DialogueState
        for given in INPUTS.values()
        if is_listened_to(state) and next_state(state, given) is None
    }

    assert set(VIOLATIONS) == forbidden


def test_a_time_that_is_over_is_told_with_a_remedy() -> None:
    for words in TIMEOUTS.values():
        assert words.format(seconds=15).startswith("connection timeout: no ")
        assert ";" in words
