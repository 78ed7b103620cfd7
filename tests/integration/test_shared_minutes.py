"""How far two servers of one database let a key go beyond its minutes: what the other hears."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import pytest

from scribewire.grants import Grant
from scribewire.keys.books import KeyBooks
from scribewire.keys.configured import ConfiguredKeys
from scribewire.server.key_keeper import KeyKeeper
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scribewire.errors import ClientFault
    from scribewire.keys.access import KeyUse

MOST_S = 20


@contextlib.asynccontextmanager
async def keepers(url: str, count: int) -> AsyncIterator[list[KeyKeeper]]:
    """Keep the keys of several servers; nothing reaches the database unless a test says so."""
    every = [KeyKeeper(ConfiguredKeys(()), KeyBooks.open(url)) for _ in range(count)]
    try:
        yield every
    finally:
        for one in every:
            await one.aclose()


async def begin(every: list[KeyKeeper]) -> list[KeyUse]:
    """Make a key with minutes, and begin a session of it on each server."""
    grant = Grant(name="lobby", max_audio_s_per_day=MOST_S)
    made = await every[0].call(lambda books: books.store.create(grant, now=time.time()))
    uses = []
    for one in every:
        await one.synchronise()
        uses.append(one.access.begin(made.record.grant, _ignore))
    return uses


async def ask_database(every: list[KeyKeeper]) -> None:
    """Have all of them write what was heard, and read what the others have."""
    for one in every:
        await one.synchronise()


def _ignore(_fault: ClientFault) -> None:
    pass


async def test_what_another_has_heard_counts_once_both_have_asked_the_database(
    database_url: str,
) -> None:
    async with keepers(database_url, 2) as every:
        here, there = await begin(every)
        assert [one.admit(15 * SAMPLE_RATE) for one in (here, there)] == [15 * SAMPLE_RATE] * 2
        await ask_database(every)  # what the first one heard is known to the second one now
        assert there.admit(1) == 0
        await every[0].synchronise()
        assert here.admit(1) == 0


@pytest.mark.parametrize("servers", [2, 3])
@pytest.mark.parametrize("seconds_between", [1, 2])
async def test_no_key_gets_further_than_what_the_others_hear_between_two_askings(
    database_url: str, servers: int, seconds_between: int
) -> None:
    async with keepers(database_url, servers) as every:
        uses = await begin(every)
        heard = 0
        for second in range(3 * MOST_S):
            heard += sum(one.admit(SAMPLE_RATE) for one in uses)
            if second % seconds_between == 0:
                await ask_database(every)

        beyond_s = heard / SAMPLE_RATE - MOST_S
        assert 0 <= beyond_s <= (servers - 1) * 2 * seconds_between
