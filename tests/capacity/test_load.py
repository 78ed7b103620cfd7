from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scribewire.capacity.load import (
    CHUNK_BYTES,
    Source,
    StreamRecord,
    Target,
    hold_idle,
    push,
    run_joining,
    run_load,
)
from scribewire.client import FinalResult, RefusedError
from scribewire.testing.running import run_server
from scribewire.testing.scripted import draw_pcm

if TYPE_CHECKING:
    from scribewire.testing.running import RunningServer

SHORT = draw_pcm("..abc...")  # 256 ms


def target_of(server: RunningServer, key: str = "key-1") -> Target:
    return Target(url=server.address.url, key=key)


async def test_every_stream_gets_what_it_said(server: RunningServer) -> None:
    sources = [Source(pcm=draw_pcm(picture)) for picture in ("..abc...", "..xyz...")]

    one, other = await run_load(target_of(server), sources)

    assert [final.text for final in one.finals] == ["abc"]
    assert [final.text for final in other.finals] == ["xyz"]
    assert one.failure == other.failure == ""


async def test_chunks_are_sent_when_a_live_source_has_them(server: RunningServer) -> None:
    (record,) = await run_load(target_of(server), [Source(pcm=SHORT, starts_s=0.05)])

    assert len(record.sent_s) == -(-len(SHORT) // CHUNK_BYTES)
    assert all(
        sent_s >= 0.05 + 0.1 * number for number, sent_s in enumerate(record.sent_s, start=1)
    )
    assert record.ended_s is not None
    assert record.ended_s >= record.arrivals[-1].at_s >= record.sent_s[-1]


async def test_one_that_leaves_is_not_waited_for(server: RunningServer) -> None:
    leaving = Source(pcm=draw_pcm("." * 4000), leaves_s=0.1)

    (record,) = await run_load(target_of(server), [leaving])

    assert record.ended_s is None
    assert record.failure == "not waited for any longer"
    assert len(record.sent_s) < 1280  # of two minutes


async def test_patience_has_an_end(server: RunningServer) -> None:
    (record,) = await run_load(target_of(server), [Source(pcm=SHORT)], patience_s=-1)

    assert record.failure == "not waited for any longer"


async def test_a_refused_stream_says_why_and_the_others_go_on(server: RunningServer) -> None:
    (record,) = await run_load(target_of(server, key="wrong"), [Source(pcm=SHORT)])

    assert "401" in record.failure
    assert record.sent_s == ()


async def test_one_that_joins_connects_at_its_time_and_speaks_once_it_is_in(
    server: RunningServer,
) -> None:
    sources = [Source(pcm=draw_pcm("..abc...")), Source(pcm=draw_pcm("..xyz..."), starts_s=0.05)]

    records = await run_joining(target_of(server), sources)

    assert [[final.text for final in record.finals] for record in records] == [["abc"], ["xyz"]]
    for source, record in zip(sources, records, strict=True):
        assert source.starts_s < record.began_s <= record.sent_s[0] - 0.1
        assert record.failure == ""


async def test_one_that_joins_and_finds_no_place_says_why() -> None:
    async with run_server(max_sessions=1) as server, hold_idle(target_of(server), 1):
        (record,) = await run_joining(target_of(server), [Source(pcm=SHORT, starts_s=0.01)])

    assert "503" in record.failure
    assert record.began_s > 0.01
    assert record.sent_s == ()


async def test_a_whole_stream_is_pushed_at_once(server: RunningServer) -> None:
    record = await push(target_of(server), draw_pcm("..abc" + "." * 200))

    assert record.finals == (FinalResult(text="abc", offset_ms=576, words=record.finals[0].words),)
    assert len(record.sent_s) == 7  # in pieces of a second


async def test_a_refused_push_raises(server: RunningServer) -> None:
    with pytest.raises(RefusedError):
        await push(target_of(server, key="wrong"), SHORT)


async def test_idle_sessions_are_held_and_let_go(server: RunningServer) -> None:
    async with hold_idle(target_of(server), 20) as held:
        assert held == 20
        assert len(server.services.attachments) == 20

    async with hold_idle(target_of(server, key="wrong"), 2) as held:
        assert held == 0


def test_a_place_of_the_stream_is_heard_before_its_chunk_is_due() -> None:
    record = StreamRecord(began_s=10)

    assert record.spoken_s(120) == pytest.approx(10.12)
    assert record.due_s(120) == pytest.approx(10.2)
    assert record.due_s(200) == pytest.approx(10.2)
