from __future__ import annotations

from scribewire.client.errors import ClosedError
from scribewire.client.retry import Reconnecting
from scribewire.client.watchers import Watchers
from scribewire.protocol.scriptix.states import ConnectionState

LOST = Reconnecting(attempt=1, delay_s=0.25, cause=ClosedError(1006, ""))


def test_each_is_told_what_it_asked_for_once_in_order() -> None:
    told: list[ConnectionState | Reconnecting] = []
    later: list[ConnectionState | Reconnecting] = []
    watchers = Watchers(told.append, told.append)

    watchers.show(ConnectionState.CONNECTING)
    watchers.tell()
    watchers.add(later.append)
    watchers.add_of_attempts(later.append)
    watchers.note(LOST)
    watchers.show(ConnectionState.LISTENING)
    watchers.tell()
    watchers.tell()

    assert told == [ConnectionState.CONNECTING, LOST, ConnectionState.LISTENING]
    assert later == [LOST, ConnectionState.LISTENING]


def test_a_state_is_told_when_it_is_another_one() -> None:
    states: list[ConnectionState] = []
    watchers = Watchers(states.append, None)

    watchers.show(ConnectionState.DISCONNECTED, ConnectionState.CONNECTING)
    watchers.show(ConnectionState.CONNECTING, ConnectionState.LISTENING)
    watchers.tell()

    assert states == [ConnectionState.CONNECTING, ConnectionState.LISTENING]
    assert watchers.state is ConnectionState.LISTENING


def test_nobody_has_to_watch() -> None:
    watchers = Watchers(None, None)

    for _ in range(1000):
        watchers.note(LOST)
    watchers.tell()


def test_who_is_told_may_cause_more() -> None:
    states: list[ConnectionState] = []

    def go_on(state: ConnectionState) -> None:
        states.append(state)
        if state is ConnectionState.CONNECTING:
            watchers.show(ConnectionState.LISTENING)

    watchers = Watchers(go_on, None)
    watchers.show(ConnectionState.CONNECTING)
    watchers.tell()

    assert states == [ConnectionState.CONNECTING, ConnectionState.LISTENING]
