from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.protocol.scriptix.states import (
    TRANSITIONS,
    ConnectionState,
    DialogueState,
    Input,
    connection_state_after,
    first_state,
    is_listened_to,
    is_over,
    next_state,
)

ORDER = list(DialogueState)

# One row an input, one column a state. The cell is the next state by its initial letters,
# = where nothing moves, . where the sender may not send it.
PICTURE = """
                      AWAITING STARTING LISTENING OPENING PULLING FLUSHING CLOSING CLOSED
client start          S        .        .         =       =       =        =       .
client audio          .        =        =         .       .       =        =       .
client stop           F        F        F         F       F       =        =       .
client unknown action =        =        =         =       =       =        =       .
client fault          F        F        F         F       F       =        =       .
client close          CLOSING  CLOSING  CLOSING   CLOSING CLOSING CLOSING  =       .
server loading        =        =        .         =       =       =        .       .
server listening      .        L        .         P       =       =        .       .
server result         .        .        =         .       =       =        .       .
server error          =        =        =         =       =       =        .       .
server shutting down  =        =        =         =       =       =        .       .
server stopped        CLOSING  CLOSING  CLOSING   CLOSING CLOSING CLOSING  .       .
server end            F        F        F         F       F       =        .       .
server fault          CLOSING  CLOSING  CLOSING   CLOSING CLOSING CLOSING  =       .
server close          CLOSING  CLOSING  CLOSING   CLOSING CLOSING CLOSING  =       .
closed                CLOSED   CLOSED   CLOSED    CLOSED  CLOSED  CLOSED   CLOSED  .
"""
LETTERS = {
    "S": DialogueState.STARTING,
    "L": DialogueState.LISTENING,
    "P": DialogueState.PULLING,
    "F": DialogueState.FLUSHING,
    "CLOSING": DialogueState.CLOSING,
    "CLOSED": DialogueState.CLOSED,
    ".": None,
}

CONNECTION_STATES = [
    # inputs, what an SDK shows
    ([], "connecting"),
    ([Input.SERVER_LOADING], "loading"),
    ([Input.SERVER_LOADING, Input.SERVER_LISTENING], "listening"),
    ([Input.SERVER_LISTENING], "listening"),
    ([Input.SERVER_LISTENING, Input.CLIENT_AUDIO], "listening"),
    ([Input.SERVER_LISTENING, Input.SERVER_RESULT], "connected"),
    ([Input.SERVER_RESULT, Input.SERVER_LISTENING], "connected"),
    ([Input.SERVER_LISTENING, Input.SERVER_RESULT, Input.SERVER_STOPPED], "connected"),
    ([Input.SERVER_LISTENING, Input.SERVER_STOPPED, Input.CLOSED], "disconnected"),
    ([Input.SERVER_ERROR], "error"),
    ([Input.SERVER_FAULT], "error"),
    ([Input.SERVER_ERROR, Input.SERVER_RESULT, Input.CLOSED], "error"),
]

STREAM_STATES = [
    # inputs while a source is pulled, what an SDK shows
    ([Input.SERVER_RESULT], "connected"),
    ([Input.SERVER_LOADING], "loading"),
    ([Input.SERVER_RESULT, Input.SERVER_LOADING], "loading"),
    ([Input.SERVER_RESULT, Input.SERVER_LOADING, Input.SERVER_RESULT], "loading"),
    ([Input.SERVER_RESULT, Input.SERVER_LOADING, Input.SERVER_LISTENING], "listening"),
    ([Input.SERVER_LOADING, Input.SERVER_LISTENING, Input.SERVER_RESULT], "connected"),
    ([Input.SERVER_RESULT, Input.SERVER_LISTENING], "connected"),
    ([Input.SERVER_ERROR, Input.SERVER_LOADING], "error"),
    ([Input.SERVER_LOADING, Input.CLOSED], "disconnected"),
    ([Input.SERVER_LOADING, Input.SERVER_FAULT, Input.SERVER_RESULT], "error"),
]


def read_picture() -> list[tuple[Input, DialogueState, DialogueState | None]]:
    _, _, *rows = PICTURE.splitlines()
    return [
        (Input(row[:22].strip()), state, state if cell == "=" else LETTERS[cell])
        for row in rows
        for state, cell in zip(ORDER, row[22:].split(), strict=True)
    ]


@pytest.mark.parametrize(("given_input", "state", "expected"), read_picture())
def test_the_table_is_the_picture(
    given_input: Input, state: DialogueState, expected: DialogueState | None
) -> None:
    assert next_state(state, given_input) is expected


def test_the_picture_shows_every_input_in_every_state() -> None:
    assert len(read_picture()) == len(Input) * len(DialogueState)
    assert set(TRANSITIONS) == set(DialogueState)


@given(st.sampled_from(DialogueState), st.sampled_from(Input))
def test_a_dialogue_never_goes_back(state: DialogueState, given_input: Input) -> None:
    following = next_state(state, given_input)

    assert following is None or ORDER.index(following) >= ORDER.index(state)


@given(st.sampled_from(DialogueState), st.sampled_from(Input))
def test_what_is_not_listened_to_changes_nothing(state: DialogueState, given_input: Input) -> None:
    is_message = given_input.name.startswith("CLIENT_") and given_input is not Input.CLIENT_CLOSE
    if is_listened_to(state) or not is_message:
        return

    assert next_state(state, given_input) in (state, None)


def test_only_an_open_dialogue_is_listened_to() -> None:
    assert [state.value for state in DialogueState if is_listened_to(state)] == [
        "awaiting start",
        "starting",
        "listening",
        "opening",
        "pulling",
    ]
    assert [state.value for state in DialogueState if is_over(state)] == ["closing", "closed"]


@pytest.mark.parametrize(("inputs", "shown"), CONNECTION_STATES)
def test_an_sdk_shows_how_far_it_got(inputs: list[Input], shown: str) -> None:
    state = ConnectionState.CONNECTING

    for given_input in inputs:
        state = connection_state_after(state, given_input)

    assert state.value == shown


@pytest.mark.parametrize(("inputs", "shown"), STREAM_STATES)
def test_an_sdk_shows_when_a_source_is_opened_again(inputs: list[Input], shown: str) -> None:
    state = ConnectionState.LISTENING

    for given_input in inputs:
        state = connection_state_after(state, given_input, dialogue=DialogueState.PULLING)

    assert state.value == shown


def test_a_stream_begins_without_a_start() -> None:
    assert first_state(is_stream=False) is DialogueState.AWAITING_START
    assert first_state(is_stream=True) is DialogueState.OPENING
