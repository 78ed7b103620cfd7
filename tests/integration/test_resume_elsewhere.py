"""A session goes on at another process, from the journal of the one that carried it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scribewire.testing.running import RawClient, RunningServer, run_server
from scribewire.testing.scripted import draw_pcm
from tests.integration.test_resume import (
    ASKING,
    PIECE_BYTES,
    SAID,
    START,
    STOP,
    cut,
    finals_of,
    listened,
    numbers_of,
    path_back,
    send_until_cut,
    undisturbed,
    until_kept,
)
from tests.parts.journaled import allow
from tests.parts.wav import wav

WHOLE = SAID + "fourth one" + "." * 30


@pytest.fixture
def pcm() -> bytes:
    return draw_pcm(WHOLE)


async def hear_part(
    server: RunningServer, data: bytes, finals: int
) -> tuple[dict[str, Any], list[str]]:
    """Have a server hear audio, until so many finals have come; return how it began, and these."""
    async with server.dial(ASKING) as client:
        listening = await listened(client)
        for start in range(0, len(data), PIECE_BYTES):
            await client.send(data[start : start + PIECE_BYTES])
        while len(finals_of(client)) < finals:
            await client.next()
        cut(client)
    await until_recorded(server, listening)
    return listening, finals_of(client)


async def until_recorded(server: RunningServer, listening: dict[str, Any]) -> None:
    assert server.services.journal is not None
    while await server.services.journal.take_over(listening["session_id"], allow) is None:
        pass


async def go_on(folder: Path, path: str, data: bytes) -> tuple[dict[str, Any], list[str]]:
    """Have another process, with this journal, hear the rest."""
    async with run_server(journal=folder) as server, server.dial(path) as client:
        listening = await listened(client)
        await client.send(data[listening["received_bytes"] :], STOP)
        assert await client.until_closed() == 1000
    return listening, finals_of(client)


def as_killed(folder: Path, copy: Path) -> Path:
    """Return the journal as it is at this moment, whatever its process does later."""
    return Path(shutil.copytree(folder, copy))


@pytest.mark.parametrize("finals", [0, 1, 2, 3])
@pytest.mark.parametrize("header", [b"", wav(b"", rate_hz=16_000)])
async def test_the_rest_is_heard_at_another_process(
    pcm: bytes, tmp_path: Path, finals: int, header: bytes
) -> None:
    data = header + pcm
    folder = tmp_path / "journal"
    async with run_server(journal=folder) as server:
        expected = await undisturbed(server, data)
        heard = data[: 30_000 + 33_000 * finals]
        listening, told = await hear_part(server, heard, finals)
        left = as_killed(folder, tmp_path / "left")
    back, rest = await go_on(left, path_back(listening, len(told)), data)

    assert back["session_id"] == listening["session_id"]
    assert back["epoch"] != listening["epoch"]
    assert back["received_bytes"] <= len(heard)
    assert told + rest == expected
    assert numbers_of(told + rest) == [1, 2, 3, 4]


async def test_what_its_old_process_still_writes_does_not_count(pcm: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    async with run_server(journal=folder) as later, run_server(journal=folder) as first:
        expected = await undisturbed(later, pcm)  # so its segment is the older one
        listening, told = await hear_part(first, pcm[:66_000], 1)
        path = path_back(listening, len(told))
        async with later.dial(path) as client:  # while the first one keeps it, and hears it on
            listening = await listened(client)
            await client.send(pcm[listening["received_bytes"] : 110_000])
            while len(told) + len(finals_of(client)) < 3:
                await client.next()
            cut(client)
        told += finals_of(client)
        await first.services.kept.aclose()  # it writes that it has ended there
        await until_recorded(first, listening)
        await until_recorded(later, listening)
        left = as_killed(folder, tmp_path / "left")
    _, rest = await go_on(left, path_back(listening, len(told)), pcm)

    assert told + rest == expected
    assert numbers_of(told + rest) == [1, 2, 3, 4]


async def test_what_stands_behind_the_audio_of_a_wav_is_not_heard_at_another_process(
    pcm: bytes, tmp_path: Path
) -> None:
    pictured = draw_pcm("a picture")
    data = wav(pcm) + b"LIST" + len(pictured).to_bytes(4, "little") + pictured
    folder = tmp_path / "journal"
    async with run_server(journal=folder) as server:
        expected = await undisturbed(server, data)
        listening, told = await hear_part(server, data[:63_000], 1)
        left = as_killed(folder, tmp_path / "left")
    _, rest = await go_on(left, path_back(listening, len(told)), data)

    assert told + rest == expected
    assert numbers_of(expected) == [1, 2, 3, 4]


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 150_000), max_size=3))
async def test_wherever_processes_end_the_finals_are_those_of_an_undisturbed_run(
    pcm: bytes, tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    async with run_server() as server:
        expected = await undisturbed(server, pcm)
    path, finals = ASKING, list[str]()
    for number, cut_at in enumerate([*cuts, len(pcm)]):
        async with run_server(journal=folder) as server, server.dial(path) as client:
            listening = await listened(client)
            rest = pcm[listening["received_bytes"] :]
            if cut_at == len(pcm):
                await client.send(rest, STOP)
                assert await client.until_closed() == 1000
            else:
                await send_until_cut(client, rest, cut_at)
                await until_recorded(server, listening)
                cut(client)
                await client.websocket.wait_closed()
            folder = as_killed(folder, folder.with_name(f"{folder.name}-{number}"))
        finals += finals_of(client)
        path = path_back(listening, len(finals))

    assert finals == expected
    assert numbers_of(finals) == [1, 2, 3, 4]


async def next_soon(client: RawClient) -> dict[str, Any]:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.1):
            return await client.next()
    return {}


async def test_audio_is_kept_by_its_client_until_it_is_settled(pcm: bytes, tmp_path: Path) -> None:
    async with run_server(journal=tmp_path) as server, server.dial(ASKING) as client:
        await listened(client)
        for start in range(0, 40_000, PIECE_BYTES):
            await client.send(pcm[start : start + PIECE_BYTES])
        while not finals_of(client):
            await client.next()
        told = dict[str, Any]()
        while not told.get("replay_from_bytes"):  # it is told with audio, once a second
            await client.send(bytes(PIECE_BYTES))
            told = await next_soon(client)

    assert 0 < told["replay_from_bytes"] < told["received_bytes"]


async def test_what_ended_with_its_server_goes_on_at_the_next(pcm: bytes, tmp_path: Path) -> None:
    async with run_server() as server:
        expected = await undisturbed(server, pcm)
    async with run_server(journal=tmp_path) as server, server.dial(ASKING) as client:
        listening = await listened(client)
        await client.send(pcm[:40_000])
        while not finals_of(client):
            await client.next()
        server.services.draining.hurry()
        assert await client.until_closed() == 1012
    told = finals_of(client)
    back, rest = await go_on(tmp_path, path_back(listening, len(told)), pcm)

    assert back["received_bytes"] <= 40_000
    assert numbers_of(told + rest) == list(range(1, len(told + rest) + 1))
    assert [json.loads(one)["text"] for one in told + rest] == [
        json.loads(one)["text"] for one in expected
    ]


async def test_another_key_finds_nothing(pcm: bytes, tmp_path: Path) -> None:
    async with run_server(journal=tmp_path / "journal") as server:
        listening, told = await hear_part(server, pcm[:40_000], 1)
        left = as_killed(tmp_path / "journal", tmp_path / "left")
    errors = []
    path = path_back(listening, len(told))
    unknown = path_back(listening | {"session_id": "0" * 32}, len(told))
    async with run_server(journal=left) as server:
        for asked in (path.replace("key-1", "key-2"), unknown):
            async with server.dial(asked) as client:
                await client.send(START)
                assert await client.until_closed() == 4410
            errors += client.errors
        async with server.dial(path) as client:
            assert (await listened(client))["session_id"] == listening["session_id"]

    assert errors[0] == errors[1]


async def test_of_two_that_come_back_at_once_the_later_is_told_to_try_again(
    pcm: bytes, tmp_path: Path
) -> None:
    async with run_server(journal=tmp_path / "journal") as server:
        listening, told = await hear_part(server, pcm[:40_000], 1)
        left = as_killed(tmp_path / "journal", tmp_path / "left")
    path = path_back(listening, len(told))
    async with (
        run_server(journal=left) as server,
        server.dial(path) as one,
        server.dial(path) as other,  # neither has begun
    ):
        back = await listened(one)
        await other.send(START)
        assert await other.until_closed() == 1013
        async with server.dial(path_back(back, len(told))) as third:
            assert (await listened(third))["epoch"] == back["epoch"]
            assert await one.until_closed() == 4409


async def test_what_was_kept_when_its_server_went_down_goes_on_at_the_next(
    pcm: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "scribewire.session"):
        async with run_server(journal=tmp_path) as server:
            expected = await undisturbed(server, pcm)
            listening, told = await hear_part(server, pcm[:60_000], 1)
            await until_kept(server, 2)
        _, rest = await go_on(tmp_path, path_back(listening, len(told)), pcm)

    assert told + rest == expected
    assert "has not got is in the journal" in caplog.text
    assert "is lost" not in caplog.text


async def test_what_no_other_process_can_go_on_with_is_lost_with_its_server(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with run_server(journal=tmp_path) as server, server.dial(ASKING) as client:
        await listened(client)
        await client.send(b"fLaC" + bytes(60))
        while (await client.next()).get("state") != "received":
            pass
        cut(client)
        await until_kept(server, 1)

    assert "is lost" in caplog.text
    assert "has not got is in the journal" not in caplog.text
