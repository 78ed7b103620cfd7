"""The arithmetic of bench/kept.py, and how it loses a session."""

from __future__ import annotations

import asyncio

import pytest

from bench.kept import Held, Round, count_kept, lose, report
from scribewire.testing.running import RunningServer

PAGE = """\
# HELP scribewire_kept_sessions Sessions that no connection carries.
scribewire_kept_sessions{state="going on"} 998.0
scribewire_kept_sessions{state="ended"} 2.0
scribewire_max_kept_sessions 5000.0
scribewire_sessions_kept_total 7000.0
"""
ROUND = Round(
    says="silence",
    sessions=1000,
    refused=0,
    opening_s=22.4,
    before=Held(kept=0, rss_bytes=292_000_000, descriptors=9),
    full=Held(kept=1000, rss_bytes=370_000_000, descriptors=9),
    after=Held(kept=0, rss_bytes=369_000_000, descriptors=9),
)


def test_kept_sessions_of_every_state_are_counted_from_the_page() -> None:
    assert count_kept(PAGE) == 1000


def test_a_round_is_told_in_a_row() -> None:
    row = report([ROUND]).splitlines()[-1]

    assert ROUND.bytes_each == 78_000
    cells = "silence 1000 of 1000 0 22 292 370 369 78 9 / 9 / 9"
    assert row.split() == cells.split()


@pytest.mark.slow
async def test_one_that_is_lost_is_kept(server: RunningServer) -> None:
    url = f"{server.address.url}/v2/realtime?token=key-1"

    assert await lose(url, bytes(32_000)) == 0

    async with asyncio.timeout(20):
        while not server.services.kept.count_going_on:  # noqa: ASYNC110 - nobody is told of it
            await asyncio.sleep(0.01)
