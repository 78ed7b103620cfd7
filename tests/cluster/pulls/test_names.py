from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from scribewire.audio.container import TrackWish
from scribewire.cluster.connection import ClusterConnection, ClusterFault
from scribewire.cluster.pulls.names import BUCKET, SourceNames
from scribewire.grants import Grant
from scribewire.settings import Settings
from scribewire.sources.shared.pulls import AskedPull

if TYPE_CHECKING:
    from pathlib import Path

    from tests.parts.nats_server import NatsServer

ASKED = AskedPull(url="http://user:word@radio.example/live?sig=1")
SETTINGS = Settings()


@contextlib.asynccontextmanager
async def naming(nats: NatsServer, settings: Settings = SETTINGS) -> AsyncIterator[SourceNames]:
    connection = ClusterConnection([nats.url])
    async with connection.open():
        await connection.wait_up(5)
        names = SourceNames(connection, settings)
        async with names.agreeing():
            yield names


async def test_servers_call_the_same_source_the_same(nats: NatsServer) -> None:
    hosts = frozenset({"radio.example", "cdn.example"})
    same = replace(ASKED, grant=Grant(key_id="other", source_hosts=hosts))
    async with naming(nats) as one, naming(nats) as other:
        assert one.name(ASKED) == other.name(ASKED)
        assert one.name(same) == other.name(replace(same, grant=Grant(source_hosts=hosts)))


@pytest.mark.parametrize(
    "otherwise",
    [
        replace(ASKED, url="http://radio.example/live?sig=1"),
        replace(ASKED, url="http://user:other@radio.example/live?sig=1"),
        replace(ASKED, url="http://user:word@radio.example/live?sig=2"),
        replace(ASKED, wish=TrackWish(number=1)),
        replace(ASKED, wish=TrackWish(language="de")),
        replace(ASKED, grant=Grant(source_hosts=frozenset({"radio.example"}))),
    ],
)
async def test_what_is_not_for_the_same_has_another_name(
    nats: NatsServer, otherwise: AskedPull
) -> None:
    async with naming(nats) as names:
        assert names.name(ASKED) != names.name(otherwise)


async def test_servers_with_other_rules_do_not_share(nats: NatsServer, tmp_path: Path) -> None:
    certificates = tmp_path / "ca.pem"
    certificates.write_text("those who are believed")
    rules: list[dict[str, object]] = [
        {},
        {"allow_source": ("10.0.0.0/8",)},
        {"deny_source": ("10.0.0.0/8",)},
        {"source_ca": certificates},
        {"source_retry_ms": 1000},
        {"token_secret": "x" * 32},
    ]
    found = set()
    for rule in rules:
        async with naming(nats, Settings.model_validate(rule)) as names:
            found.add(names.name(ASKED))

    assert len(found) == len(rules)


async def test_a_name_tells_nothing_of_the_address(nats: NatsServer) -> None:
    async with naming(nats) as names:
        name = names.name(ASKED)

    assert len(name) == 32
    assert set(name) <= set("0123456789abcdef")


@pytest.mark.slow
async def test_without_nats_there_is_no_name_unless_the_secret_is_set(nats: NatsServer) -> None:
    await nats.kill()
    connection = ClusterConnection([nats.url])
    names = SourceNames(connection, SETTINGS)
    async with connection.open(), names.agreeing():
        with pytest.raises(ClusterFault):
            names.name(ASKED)
        await nats.start()
        assert await connection.wait_up(10)
        assert names.name(ASKED)
    assert SourceNames(connection, Settings(token_secret="y" * 32)).name(ASKED)


async def test_a_secret_that_nats_has_lost_is_brought_back_by_who_has_it(nats: NatsServer) -> None:
    connection = ClusterConnection([nats.url])
    one = SourceNames(connection, SETTINGS)
    async with connection.open(), one.agreeing():
        assert await connection.wait_up(10)
        name = one.name(ASKED)
        await connection.jetstream.delete_stream(f"KV_{BUCKET}")
        await nats.kill()
        await nats.start()
        assert await connection.wait_up(10)
        async with naming(nats) as other:
            assert (one.name(ASKED), other.name(ASKED)) == (name, name)
