"""Client sessions without a network: what a shell and a server would do to one."""

from __future__ import annotations

from collections.abc import Iterator

from scribewire.client.dialogue import Message
from scribewire.client.errors import UnreachableError
from scribewire.client.opening import Opening
from scribewire.client.resuming import ClientSession
from scribewire.client.retry import Reconnecting, ResumePolicy
from scribewire.client.watchers import Watchers
from scribewire.protocol.dialogue import Close
from scribewire.protocol.results import FinalResult
from scribewire.protocol.scriptix.endpoint import MICROPHONE, Endpoint
from scribewire.protocol.scriptix.states import ConnectionState

START, STOP = '{"action":"start"}', '{"action":"stop"}'
STOPPED = '{"state":"stopped"}'
ONCE = '{"state":"listening","session_id":"5e55"}'
NOBODY = UnreachableError("cannot reach h")
POLICY = ResumePolicy(first_delay_s=1, most_delay_s=5, give_up_after_s=60, silence_s=10)

Told = list[ConnectionState | Reconnecting]


def listening(received: int = 0, finals: int = 0, epoch: str = "89abcdef") -> str:
    where = f'"epoch":"{epoch}","received_bytes":{received},"finals":{finals}'
    return f'{{"state":"listening","session_id":"5e55",{where}}}'


def received(replay_from: int) -> str:
    told = f'"received_bytes":{replay_from},"replay_from_bytes":{replay_from}'
    return f'{{"state":"received",{told}}}'


def final(number: int) -> str:
    text = f'"text":"final {number}","offset_ms":{number * 100}'
    return f'{{{text},"is_final":true,"number":{number}}}'


def open_session(
    *,
    endpoint: Endpoint = MICROPHONE,
    policy: ResumePolicy | None = POLICY,
    told: Told | None = None,
) -> ClientSession:
    opening = Opening(url="ws://h" + endpoint.path, endpoint=endpoint, key="key-1", timeout_s=15)
    watchers = Watchers(None, None) if told is None else Watchers(told.append, told.append)
    session = ClientSession(opening, now=100, policy=policy, chance=lambda: 0.5, watchers=watchers)
    session.begin_connection(100)
    session.take_outgoing()
    return session


def listening_session(told: Told | None = None) -> ClientSession:
    session = open_session(told=told)
    session.receive(listening(), 100)
    return session


def written(session: ClientSession, now: float = 100) -> list[str | bytes | Close]:
    """Write what there is, as a shell does."""
    messages = session.take_outgoing()
    while (piece := session.next_piece(now)) is not None:
        messages.append(piece)
    return messages


def lose(session: ClientSession, now: float = 100) -> None:
    session.receive_close(None, None, now)


def come_back(session: ClientSession, told: str, now: float = 101) -> None:
    session.begin_connection(now)
    session.take_outgoing()
    session.receive(told, now)


def texts_of(session: ClientSession) -> Iterator[str]:
    messages: Iterator[Message] = iter(session.next_message, None)
    return (one.text for one in messages if isinstance(one, FinalResult))
