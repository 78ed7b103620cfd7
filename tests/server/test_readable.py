"""The sessions of a server as they can be read along."""

from __future__ import annotations

import pytest

from scribewire.errors import CloseCode
from scribewire.protocol.dialogue import SessionStarted
from scribewire.server.readable import ReadableSession, ReadableSessions
from scribewire.server.session import Session
from scribewire.server.session_opening import open_session
from scribewire.testing.running import RunningServer
from scribewire.testing.scripted import draw_pcm
from scribewire.wishes import Wishes


def session_of(server: RunningServer) -> Session:
    return open_session("5e55", SessionStarted(Wishes(language="en")), server.services)


@pytest.mark.parametrize(
    ("end_code", "outcome"), [(CloseCode.NORMAL, "complete"), (CloseCode.RESTART, None)]
)
async def test_what_is_taken_is_told_and_that_it_is_complete_unless_its_server_ended_it(
    server: RunningServer, end_code: CloseCode, outcome: str | None
) -> None:
    session = session_of(server)
    session.end_code = end_code
    one = ReadableSession(session, "sw_a", most_finals=8, may_go_on=True)
    await session.receive_audio(draw_pcm("..hello" + "." * 25))
    session.end_audio()
    await session.collect()
    await session.aclose()
    one.close()

    assert (one.told.last, one.told.final_of(1).text) == (1, "hello")
    assert one.told.outcome == outcome


@pytest.mark.parametrize(("may_go_on", "outcome"), [(True, None), (False, "dropped")])
async def test_how_it_ended_is_told_unless_it_may_go_on(
    server: RunningServer, may_go_on: bool, outcome: str | None
) -> None:
    session = session_of(server)
    one = ReadableSession(session, "sw_a", most_finals=8, may_go_on=may_go_on)
    await session.aclose()
    one.close()

    assert (one.told.outcome, one.told.is_left) == (outcome, may_go_on)


async def test_a_session_is_known_until_it_is_removed(server: RunningServer) -> None:
    sessions, session = ReadableSessions(), session_of(server)
    first, second = (
        ReadableSession(session, "sw_a", most_finals=8, may_go_on=False) for _ in range(2)
    )
    sessions.add("5e55", first)
    sessions.add("5e55", second)  # it has come back
    sessions.remove("5e55", first)
    assert sessions.find("5e55") is second
    sessions.remove("5e55", second)
    assert sessions.find("5e55") is None
    await session.aclose()


def test_there_are_no_more_readers_than_places() -> None:
    sessions = ReadableSessions(most=3, most_of_session=2)
    places = [sessions.take_place(one) for one in ("a", "a", "a", "b", "b")]

    assert [one is not None for one in places] == [True, True, False, True, False]
    assert places[0] is not None
    places[0]()
    assert sessions.readers == 2
    assert sessions.take_place("b") is not None
