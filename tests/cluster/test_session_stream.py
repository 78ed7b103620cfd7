"""The stream of sessions, by what NATS makes of its conditions."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import nats.js.errors
import pytest

from scribewire.cluster.connection import ClusterConnection
from scribewire.cluster.session_messages import SessionOwner
from scribewire.cluster.session_stream import NotOwnedError, SessionStream, is_name
from tests.parts.nats_server import run_three

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from tests.parts.nats_server import NatsServer

OWNER = SessionOwner(server_id="a")


@contextlib.asynccontextmanager
async def opened(urls: Sequence[str], *, copies: int = 1) -> AsyncIterator[SessionStream]:
    connection = ClusterConnection(urls, copies=copies)
    stream = SessionStream(connection, resume_window_s=30.0)
    connection.on_up(stream.declare)
    async with connection.open():
        assert await connection.wait_up(20)
        yield stream


@pytest.fixture
async def stream(nats: NatsServer) -> AsyncIterator[SessionStream]:
    async with opened([nats.url]) as running:
        yield running


async def test_who_owns_a_session_adds_messages_and_nobody_else(stream: SessionStream) -> None:
    assert await stream.owner("5e55") is None
    owned = await stream.claim("5e55", OWNER, after=0)
    await stream.add("5e55", "position", b"here", owned=owned)
    await stream.add("5e55", "position", b"there", owned=owned)
    later = await stream.claim("5e55", OWNER, after=owned)
    with pytest.raises(NotOwnedError):
        await stream.add("5e55", "final.1", b"late", owned=owned)
    with pytest.raises(NotOwnedError):
        await stream.add("other", "final.1", b"nobody's", owned=owned)
    found = await stream.messages("5e55")

    assert [(one.name, one.content) for one in found if one.name != "owner"] == [
        ("position", b"there")
    ]
    assert found[-1].sequence == later
    known = await stream.owner("5e55")
    assert known is not None
    assert (known.sequence, known.owner.run, known.owner.server_id) == (later, later, "a")


async def test_of_many_that_claim_it_at_once_one_has_it(stream: SessionStream) -> None:
    tries = [stream.claim("5e55", OWNER, after=0) for _ in range(20)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)

    assert sum(isinstance(one, NotOwnedError) for one in outcomes) == 19


@pytest.mark.slow
async def test_of_several_at_once_none_is_refused_where_copies_are_stored(tmp_path: Path) -> None:
    names = [f"final.{number}" for number in range(6)]
    async with (
        asyncio.timeout(60),
        run_three(tmp_path / "nats") as every,
        opened([one.url for one in every], copies=3) as stream,
    ):
        owned = await stream.claim("5e55", OWNER, after=0)
        await asyncio.gather(*(stream.add("5e55", name, b"", owned=owned) for name in names))
        found = {one.name for one in await stream.messages("5e55")}

    assert found == {"owner", *names}


async def test_there_may_be_nothing_of_a_session(stream: SessionStream) -> None:
    await stream.check()
    assert await stream.messages("unknown") == []


async def test_a_fault_that_is_no_refusal_is_one(stream: SessionStream) -> None:
    with pytest.raises(nats.js.errors.NoStreamResponseError):
        await stream.add("5e55", "no.such.subject", b"", owned=1)


@pytest.mark.parametrize("odd", ["", "a.b", "*", ">", "a b", "é", "a" * 65, "a\r\n"])
def test_what_cannot_stand_in_a_subject_names_no_session(odd: str) -> None:
    assert not is_name(odd)
    assert is_name("0123456789abcdef" * 2)
