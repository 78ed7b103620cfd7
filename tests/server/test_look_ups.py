from __future__ import annotations

import asyncio

import pytest

from scribewire.journal.entries import JournalFault
from scribewire.journal.reader import JournaledSession
from scribewire.server.look_ups import SharedLookUps

FOUND = JournaledSession(
    session_id="5e55",
    head=None,
    began_at_ms=None,
    finals=(),
    position=None,
    state="open",
    written_at_ms=0,
)


class Journal:
    """What is looked into, and how often."""

    def __init__(self, found: JournaledSession | None = FOUND) -> None:
        self.found, self.looks = found, 0
        self.fault: JournalFault | None = None
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def look(self) -> JournaledSession | None:
        self.looks += 1
        await self.goes_on.wait()
        if self.fault is not None:
            raise self.fault
        return self.found


async def test_of_many_that_look_at_once_one_does() -> None:
    shared, journal = SharedLookUps(), Journal()

    found = await asyncio.gather(*(shared.find("5e55", journal.look) for _ in range(100)))
    again = await shared.find("5e55", journal.look)

    assert [one is FOUND for one in (*found, again)] == [True] * 101
    assert journal.looks == 1


async def test_what_was_found_is_looked_for_again_a_moment_later() -> None:
    shared, journal = SharedLookUps(kept_s=0.0), Journal()

    await shared.find("5e55", journal.look)
    async with asyncio.timeout(20):
        while journal.looks < 2:
            await shared.find("5e55", journal.look)
            await asyncio.sleep(0)


async def test_what_was_not_found_is_looked_for_at_once() -> None:
    shared, journal = SharedLookUps(), Journal(None)

    assert await shared.find("5e55", journal.look) is None
    journal.fault = JournalFault("the cluster is away")
    for _ in range(2):
        with pytest.raises(JournalFault, match="away"):
            await shared.find("5e55", journal.look)
    assert journal.looks == 3


async def test_who_leaves_takes_nothing_from_the_others() -> None:
    shared, journal = SharedLookUps(), Journal()
    journal.goes_on.clear()
    first, second = (asyncio.create_task(shared.find("5e55", journal.look)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    journal.goes_on.set()

    assert await second is FOUND
    assert journal.looks == 1
