"""What a client sends, as inputs of the states, and what it is told where it may not."""

from __future__ import annotations

from scribewire.protocol.scriptix.endpoint import MICROPHONE
from scribewire.protocol.scriptix.messages import (
    Audio,
    ClientMessage,
    Start,
    Stop,
    UnknownAction,
)
from scribewire.protocol.scriptix.states import DialogueState, Input

INPUTS: dict[type[ClientMessage], Input] = {
    Start: Input.CLIENT_START,
    Audio: Input.CLIENT_AUDIO,
    Stop: Input.CLIENT_STOP,
    UnknownAction: Input.CLIENT_UNKNOWN_ACTION,
}

_SECOND_START = "second `start`: expected one per connection; connect again to restart"
_EARLY_AUDIO = 'audio before `start`: expected {"action":"start"} first; send it first'
AUDIO_BEFORE_POSITION = (
    "audio before `listening` of a session that is resumed: wait for it, and go on sending from "
    "its `received_bytes`"
)
_PUSHED_AUDIO = (
    "binary message in stream mode: the audio comes from `url`; "
    f"connect to {MICROPHONE.path} to send it"
)
VIOLATIONS = {
    (DialogueState.AWAITING_START, Input.CLIENT_AUDIO): _EARLY_AUDIO,
    (DialogueState.STARTING, Input.CLIENT_START): _SECOND_START,
    (DialogueState.LISTENING, Input.CLIENT_START): _SECOND_START,
    (DialogueState.OPENING, Input.CLIENT_AUDIO): _PUSHED_AUDIO,
    (DialogueState.PULLING, Input.CLIENT_AUDIO): _PUSHED_AUDIO,
}

# What is waited for in these states, and told when it has not come in time.
TIMEOUTS = {
    DialogueState.AWAITING_START: (
        "connection timeout: no `start` within {seconds:g} s; "
        'send {{"action":"start"}} as soon as the connection is open'
    ),
    DialogueState.OPENING: (
        "connection timeout: no audio from `url` within {seconds:g} s; "
        "see whether the stream plays elsewhere, then connect again"
    ),
}
