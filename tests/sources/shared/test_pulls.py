from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest

from scribewire.audio.container import TrackWish
from scribewire.errors import CloseCode
from scribewire.grants import Grant
from scribewire.sources.events import SourceEvent, SourceGap, SourceLost, SourceOpened
from scribewire.sources.faults import SourceFault, invalid_stream
from scribewire.sources.shared.audience import HELD_S
from scribewire.sources.shared.pulls import AskedPull, SharedPulls
from tests.parts.stations import (
    FILE,
    NEITHER,
    RADIO,
    Hearer,
    StationSources,
    second,
    sources_giving,
)

ASKED = AskedPull(url="http://radio.example/live?sig=1")
GONE = invalid_stream("HTTP 404").given_up()


@dataclass
class Room:
    """A server's pulls, and those who hear them."""

    sources: StationSources
    pulls: SharedPulls = field(default_factory=SharedPulls)
    hearers: list[Hearer] = field(default_factory=list)

    def let_in(self, asked: AskedPull = ASKED, *, is_slow: bool = False) -> Hearer:
        hearer = Hearer()
        if not is_slow:
            hearer.may_take.set()
        hearer.task = asyncio.create_task(hearer.hear(self.pulls, self.sources, asked))
        self.hearers.append(hearer)
        return hearer


async def rest() -> None:
    """Let everything go on that can."""
    for _ in range(30):
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def room(*opening: SourceEvent | Exception | None) -> AsyncIterator[Room]:
    one = Room(sources_giving(*opening))
    try:
        yield one
    finally:
        for hearer in one.hearers:
            await hearer.leave()
        assert all(station.is_closed.is_set() for station in one.sources.stations)


async def test_a_live_source_is_pulled_once_and_all_hear_the_same() -> None:
    async with room() as here:
        one, other = here.let_in(), here.let_in()
        await rest()
        (station,) = here.sources.stations
        station.give(RADIO, second(1), SourceGap(1.0), second(2), None)
        await rest()

        assert one.heard == other.heard == [RADIO, second(1), SourceGap(1.0), second(2)]
        assert one.fault is other.fault is None


async def test_who_comes_later_hears_it_from_then_on() -> None:
    async with room(RADIO, second(1)) as here:
        here.let_in()
        await rest()
        late = here.let_in()
        await rest()
        here.sources.stations[0].give(second(2))
        await rest()

        assert late.heard == [RADIO, second(2)]
        assert len(here.sources.stations) == 1


@pytest.mark.parametrize("opened", [FILE, NEITHER])
async def test_what_may_be_a_file_is_heard_by_each_from_its_beginning(
    opened: SourceOpened,
) -> None:
    async with room() as here:
        one, other = here.let_in(), here.let_in()
        await rest()
        here.sources.stations[0].give(opened, second(1))
        await rest()
        late = here.let_in()
        await rest()
        for station in here.sources.stations[1:]:
            station.give(opened, second(1))
        await rest()

        assert len(here.sources.stations) == 3
        assert one.heard == other.heard == late.heard == [opened, second(1)]


@pytest.mark.parametrize(
    "otherwise",
    [
        replace(ASKED, url="http://radio.example/live?sig=2"),
        replace(ASKED, url="http://user:word@radio.example/live?sig=1"),
        replace(ASKED, wish=TrackWish(number=2)),
        replace(ASKED, wish=TrackWish(language="de")),
        replace(ASKED, grant=Grant(source_hosts=frozenset({"radio.example"}))),
    ],
)
async def test_who_has_asked_for_something_else_or_by_other_rights_has_another_pull(
    otherwise: AskedPull,
) -> None:
    async with room(RADIO) as here:
        here.let_in()
        here.let_in(otherwise)
        await rest()

        assert len(here.sources.stations) == 2


async def test_two_keys_with_the_same_rights_hear_together() -> None:
    hosts = frozenset({"radio.example"})
    async with room(RADIO) as here:
        here.let_in(replace(ASKED, grant=Grant(key_id="one", source_hosts=hosts)))
        here.let_in(replace(ASKED, grant=Grant(key_id="other", source_hosts=hosts)))
        await rest()

        assert len(here.sources.stations) == 1


async def test_the_pull_goes_on_without_the_first_and_ends_with_the_last() -> None:
    async with room(RADIO) as here:
        first, last = here.let_in(), here.let_in()
        await rest()
        (station,) = here.sources.stations
        await first.leave()
        station.give(second(1))
        await rest()
        was_closed = station.is_closed.is_set()
        await last.leave()

        assert last.heard == [RADIO, second(1)]
        assert not was_closed
        assert station.is_closed.is_set()
        here.let_in()
        await rest()
        assert len(here.sources.stations) == 2


async def test_who_waits_hears_it_though_the_first_has_gone_before_it_was_open() -> None:
    async with room() as here:
        first, second_one = here.let_in(), here.let_in()
        await rest()
        await first.leave()
        here.sources.stations[0].give(FILE, second(1))
        await rest()

        assert second_one.heard == [FILE, second(1)]
        assert len(here.sources.stations) == 1


@pytest.mark.parametrize("opening", [(), (RADIO, second(1))])
async def test_a_fault_is_told_to_all(opening: tuple[SourceEvent, ...]) -> None:
    async with room(*opening) as here:
        both = here.let_in(), here.let_in()
        await rest()
        here.sources.stations[0].give(GONE)
        await rest()

        for one in both:
            assert isinstance(one.fault, SourceFault)
            assert (one.fault.message, one.fault.close_code) == (
                GONE.message,
                CloseCode.SERVER_FAULT,
            )
            assert one.heard == list(opening)
        assert both[0].fault is not both[1].fault
        here.let_in()  # asks anew
        await rest()
        assert len(here.sources.stations) == 2


async def test_a_mistake_of_ours_is_told_to_all_too() -> None:
    async with room(RADIO) as here:
        both = here.let_in(), here.let_in()
        await rest()
        here.sources.stations[0].give(RuntimeError("ours"))
        await rest()

        for one in both:
            assert one.task is not None
            assert isinstance(one.task.exception(), RuntimeError)


async def test_one_that_takes_nothing_is_cut_off_and_holds_up_nobody() -> None:
    seconds = round(HELD_S) + 3
    async with room(RADIO) as here:
        quick, slow = here.let_in(), here.let_in(is_slow=True)
        await rest()
        for number in range(seconds):
            here.sources.stations[0].give(second(number))
            await rest()
        heard_meanwhile = list(quick.heard)
        slow.may_take.set()
        await rest()

        assert heard_meanwhile == [RADIO, *map(second, range(seconds))]
        last = [second(number) for number in range(round(HELD_S), seconds)]
        assert slow.heard == [RADIO, SourceGap(HELD_S), *last]


async def test_who_is_alone_slows_its_source_and_loses_nothing() -> None:
    async with room(RADIO) as here:
        slow = here.let_in(is_slow=True)
        await rest()
        here.sources.stations[0].give(*map(second, range(100)))
        await rest()
        waiting = here.sources.stations[0].script.qsize()
        slow.may_take.set()
        for _ in range(20):
            await rest()

        assert waiting == 100
        assert slow.heard == [RADIO, *map(second, range(100))]


async def test_who_comes_while_it_is_lost_waits_for_it_a_while() -> None:
    lost = SourceLost("it has ended")
    async with room(RADIO, second(1), lost, SourceGap(0.0)) as here:
        here.let_in()
        await rest()
        late = here.let_in()
        await rest()
        here.sources.stations[0].give(SourceGap(2.0), RADIO, second(2))
        await rest()

        assert late.heard == [RADIO, second(2)]
        here.sources.stations[0].give(lost)
        await rest()
        in_vain = here.let_in()
        assert in_vain.task is not None
        await in_vain.task
        assert isinstance(in_vain.fault, SourceFault)
        assert "connection timeout" in in_vain.fault.message
        assert len(here.sources.stations) == 1


async def test_what_is_no_url_is_refused_as_ever() -> None:
    async with room() as here:
        refused = here.let_in(replace(ASKED, url="rtsp://camera.example/"))
        await rest()

        assert isinstance(refused.fault, SourceFault)
        assert "not allowed" in refused.fault.message
        assert here.sources.stations == []
