"""A session goes on at another server of a cluster, whatever becomes of the first one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scribewire.testing.observing import RememberingObserver
from scribewire.testing.running import RunningServer, run_server
from tests.integration.test_resume import (
    ASKING,
    STOP,
    cut,
    finals_of,
    hear_cut,
    listened,
    numbers_of,
    path_back,
    undisturbed,
    until_kept,
)
from tests.parts.clustered import (
    WHOLE,
    hear_part,
    hear_rest,
    held,
    run_one,
    send_pieces,
    until,
    until_finals,
)
from tests.parts.journaled import allow
from tests.parts.origin import run_origin
from tests.parts.wav import wav

if TYPE_CHECKING:
    from pathlib import Path

    from tests.parts.nats_server import NatsServer


@pytest.mark.parametrize("finals", [0, 1, 2, 3])
async def test_what_one_server_keeps_goes_on_at_another(
    first: RunningServer, second: RunningServer, finals: int
) -> None:
    expected = await undisturbed(second, WHOLE)
    listening, told = await hear_part(first, WHOLE[: 30_000 + 33_000 * finals], finals)
    back, rest = await hear_rest(second, path_back(listening, len(told)), WHOLE)

    assert back["session_id"] == listening["session_id"]
    assert back["epoch"] != listening["epoch"]
    assert told + rest == expected
    assert numbers_of(told + rest) == [1, 2, 3, 4]
    assert held(first) == (0, 0, 0)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 150_000), max_size=4))
async def test_wherever_it_moves_the_finals_are_those_of_an_undisturbed_run(
    first: RunningServer, second: RunningServer, cuts: list[int]
) -> None:
    expected = await undisturbed(first, WHOLE)
    finals = await hear_cut([first, second], WHOLE, cuts)

    assert finals == expected
    assert numbers_of(finals) == [1, 2, 3, 4]


async def test_the_newer_connection_has_the_session_at_whatever_server(
    nats: NatsServer, second: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    expected = await undisturbed(second, WHOLE)
    caplog.set_level("INFO")
    observer = RememberingObserver()
    async with (
        run_server(cluster=(nats.url,), observer=observer) as first,
        first.dial(ASKING) as old,
    ):
        listening = await listened(old)
        await send_pieces(old, WHOLE[:70_000])
        await until_finals(old, 1)
        told = finals_of(old)
        _, rest = await hear_rest(second, path_back(listening, len(told)), WHOLE)
        assert await old.until_closed() == 4409
        await until(lambda: held(first) == (0, 0, 0))

    assert told + rest == expected
    assert observer.told.count("moved") == 1
    assert "= goes on at another server" in caplog.text


async def test_the_handshake_says_which_session_it_is(first: RunningServer) -> None:
    async with first.dial(ASKING) as client:
        listening = await listened(client)
        response = client.websocket.response
        assert response is not None
        assert response.headers["Scribewire-Session"] == listening["session_id"]
        cut(client)
    async with first.dial(path_back(listening, 0)) as client:
        response = client.websocket.response
        assert response is not None
        assert response.headers["Scribewire-Session"] == listening["session_id"]


async def test_another_key_finds_nothing_and_takes_nothing(
    first: RunningServer, second: RunningServer
) -> None:
    async with first.dial(ASKING) as client:
        listening = await listened(client)
        await send_pieces(client, WHOLE[:70_000])
        path = path_back(listening, 0).replace("key-1", "key-2")
        async with second.dial(path) as other:
            await other.send('{"action":"start"}')
            assert await other.until_closed() == 4410
        await client.send(WHOLE[70_000:], STOP)
        assert await client.until_closed() == 1000

    assert "no such session of this key" in other.errors[0]
    assert len(client.finals) == 4


async def test_a_stream_that_another_server_pulls_is_left_to_it(
    nats: NatsServer, second: RunningServer, tmp_path: Path
) -> None:
    (tmp_path / "said.wav").write_bytes(wav(WHOLE))
    async with (
        run_origin(tmp_path) as origin,
        run_server(cluster=(nats.url,), allow_source=("127.0.0.1",)) as first,
    ):
        url = quote(origin.url("said.wav"), safe="")
        path = f"/v2/client/key-1?resume=true&url={url}"
        async with first.dial(path + "&pace=realtime") as client:
            listening = await listened(client, starts=False)
            given = path_back(listening, 0).partition("&session=")[2]
            async with second.dial(f"{path}&session={given}") as other:
                assert await other.until_closed() == 4410
            assert await client.until_closed() == 1000

    assert "its stream was pulled by another server" in other.errors[0]
    assert len(client.finals) == 4


async def test_what_cannot_go_on_from_there_is_said(
    first: RunningServer, second: RunningServer
) -> None:
    listening, _ = await hear_part(first, WHOLE[:70_000], 1)
    errors = []
    for odd in ({"finals": 9}, {"epoch": "00000000"}, {"oldest_byte": 10**9}):
        async with second.dial(path_back(listening, 1, **odd)) as back:
            await back.send('{"action":"start"}')
            assert await back.until_closed() == 4410
        errors += back.errors

    assert "finals, not 9" in errors[0]
    assert "its server has begun anew since" in errors[1]
    assert "it needs audio from byte" in errors[2]


async def test_a_session_that_moved_away_and_came_back_goes_on(
    first: RunningServer, nats: NatsServer
) -> None:
    expected = await undisturbed(first, WHOLE)
    listening, told = await hear_part(first, WHOLE[:70_000], 1)
    # Whatever it is asked, it does not let go: as if it had not been reached.
    shared = first.services.shared_journal
    assert shared is not None
    shared.on_wanted(_ignore)
    async with (
        run_one(nats) as second,
        second.dial(path_back(listening, len(told))) as client,
    ):
        listening = await listened(client)
        await send_pieces(client, WHOLE[listening["received_bytes"] : 110_000])
        await until_finals(client, 1)
        cut(client)
        await until_kept(second)
        told += finals_of(client)
    _, rest = await hear_rest(first, path_back(listening, len(told)), WHOLE)

    assert told + rest == expected


async def _ignore(_: str) -> None:
    await asyncio.Event().wait()


async def test_both_journals_have_what_was_said(
    nats: NatsServer, tmp_path: Path, second: RunningServer
) -> None:
    expected = await undisturbed(second, WHOLE)
    async with run_one(nats, journal=tmp_path / "journal") as server, server.dial(ASKING) as client:
        listening = await listened(client)
        await send_pieces(client, WHOLE[:70_000])
        await until_finals(client, 1)
        journal = server.services.journal
        assert journal is not None
        found = await journal.take_over(listening["session_id"], allow)
        assert found is not None
        assert len(found.finals) >= 1
        cut(client)
        await until_kept(server)
    _, rest = await hear_rest(second, path_back(listening, len(finals_of(client))), WHOLE)

    assert finals_of(client) + rest == expected
