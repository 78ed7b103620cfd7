"""What holds of a server's dialogue whatever the client and the shell do."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from scribewire.errors import ClientFault, CloseCode
from scribewire.events import Final, Partial
from scribewire.grants import NO_LIMITS
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
from scribewire.protocol.scriptix.endpoint import MICROPHONE
from scribewire.protocol.scriptix.handshake import Handshake
from scribewire.protocol.scriptix.server import ServerConnection
from scribewire.protocol.scriptix.states import DialogueState

POLICY = ServerPolicy(
    languages=frozenset({"en"}),
    default_language="en",
    grant_of=lambda key: NO_LIMITS if key == "good" else None,
)
START = '{"action":"start"}'
STOP = '{"action":"stop"}'
PARTIAL = Partial(utterance=0, text="hi", start_sample=0, end_sample=160)
FINAL = Final(utterance=0, text="Hi.", start_sample=0, end_sample=320, decided_sample=320)
FAULT = ClientFault("no")

Act: TypeAlias = str | bytes | tuple[str]
"""A message of the client, or something that happens."""


def connect() -> ServerConnection:
    handshake = Handshake(endpoint=MICROPHONE, keys=("good",))
    return ServerConnection(handshake, POLICY, session_id="5e55", now=100)


def written(server: ServerConnection) -> list[str | Close]:
    return list(iter(server.next_outgoing, None))


MISUSES: list[Callable[[ServerConnection], None]] = [
    lambda server: server.send_listening(),
    lambda server: server.send_result(PARTIAL),
    lambda server: server.send_result(FINAL),
    lambda server: server.finish(),
]

ACTS = st.one_of(
    st.sampled_from(
        [START, STOP, '{"action":"start","key":"good"}', '{"action":"x"}', "{", b"\0\0"]
    ),
    st.text(st.characters(codec=None)),
    st.binary(max_size=4),
    st.sampled_from(["leave", "wait", "shut down", "reject", "fail"]).map(lambda act: (act,)),
)


class DutifulShell:
    """Do what each event asks for, and collect both streams."""

    def __init__(self) -> None:
        self.server = connect()
        self.events: list[DialogueEvent] = []
        self.written: list[str | Close] = []

    def act(self, act: Act) -> None:
        match act:
            case str():
                self.server.receive_text(act)
            case bytes():
                self.server.receive_bytes(act)
            case ("leave",):
                self.server.receive_disconnect()
            case ("wait",):
                self.server.handle_timer(1000)
            case ("shut down",):
                self.server.end_session(CloseCode.RESTART)
            case ("reject",):
                self.server.reject(FAULT)
            case _:
                self.server.fail("failed")
        for event in self.take_events():
            self.answer(event)
        self.written += written(self.server)

    def take_events(self) -> Iterator[DialogueEvent]:
        while event := self.server.next_event():
            self.events.append(event)
            yield event

    def answer(self, event: DialogueEvent) -> None:
        match event:
            case SessionStarted():
                self.server.send_listening()
            case AudioReceived():
                self.server.send_result(PARTIAL)
            case AudioEnded():
                self.server.send_result(FINAL)
                self.server.finish()
            case SessionAborted():
                pass


@given(st.lists(ACTS, max_size=12))
def test_whatever_comes_both_streams_keep_their_order(
    acts: list[Act],
) -> None:
    shell = DutifulShell()

    for act in acts:
        shell.act(act)

    names = [type(event).__name__ for event in shell.events]
    assert names.count("SessionStarted") <= 1
    assert names.count("AudioEnded") <= 1
    assert names.count("SessionAborted") <= 1
    assert all(name == "AudioReceived" for name in names[1:-1])
    assert names[:1] in ([], ["SessionStarted"])
    closes = [index for index, out in enumerate(shell.written) if isinstance(out, Close)]
    assert closes in ([], [len(shell.written) - 1])
    assert shell.server.state in DialogueState


@given(st.lists(st.sampled_from([*MISUSES, ServerConnection.send_loading]), max_size=8))
def test_a_clumsy_shell_is_told_and_breaks_nothing(
    calls: list[Callable[[ServerConnection], None]],
) -> None:
    server = connect()

    for call in calls:
        with contextlib.suppress(ProtocolMisuseError):
            call(server)

    assert all(line == '{"state":"loading"}' for line in written(server))
    assert server.state is DialogueState.AWAITING_START
