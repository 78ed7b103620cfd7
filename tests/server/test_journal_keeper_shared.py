"""The keeper of a journal that other servers may take sessions from."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import pytest

from scribewire.journal.entries import JournalEntry, JournalFault
from scribewire.journal.reader import JournaledSession
from scribewire.journal.store import SessionCheck
from scribewire.server.journal_keeper import STOOD_STILL_S, JournalKeeper
from scribewire.server.journal_keeper import keeping as running
from tests.parts.journaled import allow, head, said
from tests.server.test_journal_keeper import OF, is_up, settled


class SharedStore:
    """A store that others may take sessions from."""

    name = "the cluster"
    is_busy = False

    def __init__(self) -> None:
        self.lost: set[str] = set()
        self.written: list[JournalEntry] = []
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.fault: JournalFault | None = None
        self.let_go: Callable[[str], Awaitable[None]] | None = None

    async def prepare(self) -> Sequence[str]:
        return ()

    async def write(
        self, entries: Sequence[JournalEntry], note_lost: Callable[[str], None]
    ) -> None:
        for one in entries:
            if one.head.session_id in self.lost:
                note_lost(one.head.session_id)
            else:
                self.written.append(one)
        if self.fault is not None:
            raise self.fault
        await self.goes_on.wait()

    async def sync(self) -> None: ...

    async def catch_up(self) -> None: ...

    async def find(self, session_id: str) -> JournaledSession | None:
        return None

    async def take_over(self, session_id: str, check: SessionCheck) -> JournaledSession | None:
        if self.fault is not None:
            raise self.fault
        return None

    async def has_lost(self, session_id: str) -> bool:
        if self.fault is not None:
            raise self.fault
        return session_id in self.lost

    def on_wanted(self, let_go: Callable[[str], Awaitable[None]]) -> None:
        self.let_go = let_go

    async def close(self) -> None: ...

    def abandon(self) -> None: ...


@pytest.mark.parametrize("fails", [False, True])
async def test_a_final_of_a_session_that_another_server_has_is_never_told(*, fails: bool) -> None:
    store, told, woken = SharedStore(), list[str](), asyncio.Event()
    store.lost = {"lost"}
    store.fault = JournalFault("the cluster is away") if fails else None
    lost = head("lost", epoch="1")
    async with running(JournalKeeper(store, positions_every_s=60.0)) as keeper:
        await asyncio.sleep(0)
        keeper.write(
            said(lost, 1)[0],
            written=lambda: told.append("written"),
            lost=lambda: told.append("lost"),
        )
        keeper.write(said(lost, 2)[0])
        never = keeper.write_soon(said(lost, 3)[0], woken.set, lost=lambda: told.append("lost"))
        await settled(keeper.write_soon(said(OF, 1)[0], woken.set), woken)
        assert is_up(keeper) is not fails

    assert never is not None
    assert not never.is_settled
    assert told == ["lost", "lost"]


async def test_whose_a_session_is_is_asked_of_the_store() -> None:
    store = SharedStore()
    store.lost = {"lost"}

    async def let_go(session_id: str) -> None: ...

    async with running(JournalKeeper(store)) as keeper:
        keeper.on_wanted(let_go)
        found = [await keeper.has_lost(one) for one in ("lost", "other")]
        store.fault = JournalFault("the cluster is away")
        unknown = await keeper.has_lost("lost")
        with pytest.raises(JournalFault, match="is away"):
            await keeper.take_over("lost", allow)

    assert (found, unknown) == ([True, False], False)
    assert store.let_go is let_go


async def test_an_answer_that_came_while_this_process_stood_still_is_taken() -> None:
    store, woken = SharedStore(), asyncio.Event()
    store.goes_on.clear()
    async with running(JournalKeeper(store, call_patience_s=0.2)) as keeper:
        receipt = keeper.write_soon(said(OF, 1)[0], woken.set)
        while not store.written:  # noqa: ASYNC110 - nobody is told of it
            await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        loop.call_soon(time.sleep, 0.2 + STOOD_STILL_S + 0.1)
        loop.call_later(0.25, store.goes_on.set)  # it was there, and is read behind the time-out
        await settled(receipt, woken)
        assert is_up(keeper)


async def test_a_final_is_not_told_because_who_reads_has_gone() -> None:
    store, woken = SharedStore(), asyncio.Event()
    store.goes_on.clear()
    store.lost = {"lost"}
    keeper = JournalKeeper(store, positions_every_s=60.0, call_patience_s=20.0)
    async with running(keeper), asyncio.timeout(20):
        await asyncio.sleep(0)
        first = keeper.write_soon(said(OF, 1)[0], woken.set)
        while not store.written:  # noqa: ASYNC110 - nobody is told of it
            await asyncio.sleep(0.01)
        second = keeper.write_soon(said(OF, 2)[0], woken.set)
        never = keeper.write_soon(said(head("lost", epoch="1"), 1)[0], woken.set)
        reading = asyncio.create_task(keeper.find("other"))
        await asyncio.sleep(0.01)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        assert second is not None
        assert not second.is_settled
        assert len(store.written) == 1  # one batch after the other
        store.goes_on.set()
        await settled(first, woken)
        await settled(second, woken)

    assert never is not None
    assert not never.is_settled
