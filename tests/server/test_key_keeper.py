from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from scribewire.grants import Grant
from scribewire.keys.books import KeyBooks
from scribewire.keys.database import DatabaseFault
from scribewire.keys.place import default_database
from scribewire.keys.records import MadeKey
from scribewire.testing.running import RawClient, RunningServer, run_server
from scribewire.testing.scripted import draw_pcm
from tests.parts.origin import run_origin
from tests.parts.plain_http import ask
from tests.parts.wav import wav

START, STOP = '{"action":"start"}', '{"action":"stop"}'
SPEECH = draw_pcm("." * 5 + "hello" * 3)
SPEECH_MS = len(SPEECH) // 2 // 16


@pytest.fixture
async def keyed(database_url: str) -> AsyncIterator[RunningServer]:
    """A server whose keys are in a database of each kind."""
    async with run_server(keys=(), database=database_url) as running:
        yield running


async def make(server: RunningServer, **rights: object) -> MadeKey:
    grant = Grant(name="lobby", **rights)  # type: ignore[arg-type] # as the test says
    return await server.services.keys.call(lambda books: books.store.create(grant, now=time.time()))


async def revoke(server: RunningServer, made: MadeKey) -> None:
    key_id = made.record.grant.key_id
    await server.services.keys.call(lambda books: books.store.revoke(key_id, now=time.time()))


async def used(server: RunningServer) -> list[tuple[str, int, int]]:
    """Return what is written of each key: audio and sessions."""
    today = datetime.now(UTC).date()
    await server.services.keys.synchronise()
    counts = await server.services.keys.call(lambda books: books.usage.by_day(today=today, days=2))
    return [(one.key_id, one.audio_ms, one.sessions) for one in counts]


async def refused(server: RunningServer, key: str) -> tuple[int, str, int | None]:
    with pytest.raises(InvalidStatus) as caught:
        async with server.dial(f"/v2/realtime?token={key}"):
            pass
    response = caught.value.response
    retry = response.headers.get("Retry-After")
    error = json.loads(response.body)["error"]
    return response.status_code, error, None if retry is None else int(retry)


def path(made: MadeKey) -> str:
    return f"/v2/realtime?token={made.key}"


async def speak(client: RawClient) -> int:
    await client.send(START, SPEECH, STOP)
    return await client.until_closed()


async def test_a_key_of_the_database_connects_and_its_use_is_written(keyed: RunningServer) -> None:
    made = await make(keyed)
    async with keyed.dial(path(made)) as client:
        assert await speak(client) == 1000

    assert client.finals == ["hello" * 3]
    assert await used(keyed) == [(made.record.grant.key_id, SPEECH_MS, 1)]


async def test_a_key_that_is_revoked_while_it_speaks_ends_with_its_finals(
    keyed: RunningServer,
) -> None:
    made, other = await make(keyed), await make(keyed)
    async with keyed.dial(path(made)) as client, keyed.dial(path(other)) as beside:
        await beside.send(START, SPEECH)
        await client.send(START, SPEECH + draw_pcm("hello"))
        while not client.texts or "text" not in client.texts[-1]:
            await client.next()
        await revoke(keyed, made)

        assert await client.until_closed() == 1008
        assert (client.websocket.close_reason or "").startswith("key revoked: ")
        assert client.errors[0].startswith("key revoked: ")
        assert client.finals
        await beside.send(STOP)
        assert await beside.until_closed() == 1000

    assert beside.finals == ["hello" * 3]
    assert (await refused(keyed, made.key))[:2] == (401, "unknown token")


@pytest.mark.slow
async def test_a_key_that_is_revoked_ends_what_it_pulls(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'keys.sqlite3'}"
    (tmp_path / "talk.wav").write_bytes(wav(draw_pcm("hello" * 3 + "." * 25) * 20))
    async with (
        run_origin(tmp_path) as origin,
        run_server(keys=(), database=database, allow_source=("127.0.0.1",)) as server,
    ):
        made = await make(server)
        url = f"http://127.0.0.1:{origin.port}/talk.wav&pace=realtime"
        async with server.dial(f"/v2/client/{made.key}?url={url}") as client:
            while not client.finals:
                await client.next()
            await revoke(server, made)

            assert await client.until_closed() == 1008

    assert client.errors[0].startswith("key revoked: ")


async def test_minutes_that_are_used_up_end_a_session_with_its_finals(
    keyed: RunningServer,
) -> None:
    made = await make(keyed, max_audio_s_per_day=SPEECH_MS / 1000)
    async with keyed.dial(path(made)) as client:
        await client.send(START, SPEECH, draw_pcm("." * 5 + "never" * 10), STOP)

        assert await client.until_closed() == 1008

    assert client.finals == ["hello" * 3]
    assert client.errors[0].startswith("minutes used up: ")
    assert await used(keyed) == [(made.record.grant.key_id, SPEECH_MS, 1)]
    status, error, retry_after_s = await refused(keyed, made.key)
    assert (status, error) == (429, "minutes used up")
    assert retry_after_s is not None
    assert 0 < retry_after_s <= 86_400


async def test_minutes_that_are_used_up_end_what_is_pulled_with_its_finals(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'keys.sqlite3'}"
    (tmp_path / "talk.wav").write_bytes(wav(SPEECH + draw_pcm("." * 5 + "never" * 10)))
    async with (
        run_origin(tmp_path) as origin,
        run_server(keys=(), database=database, allow_source=("127.0.0.1",)) as server,
    ):
        made = await make(server, max_audio_s_per_month=SPEECH_MS / 1000)
        url = f"http://127.0.0.1:{origin.port}/talk.wav"
        async with server.dial(f"/v2/client/{made.key}?url={url}") as client:
            assert await client.until_closed() == 1008

    assert client.finals == ["hello" * 3]
    assert client.errors[0].startswith("minutes used up: ")


async def test_a_key_has_its_sessions_at_once_and_no_more(keyed: RunningServer) -> None:
    made = await make(keyed, max_sessions=1)
    async with keyed.dial(path(made)) as client:
        assert await refused(keyed, made.key) == (429, "too many sessions", 5)
        async with keyed.dial("/v2/realtime") as other:
            await other.send(json.dumps({"action": "start", "key": made.key}))
            assert await other.until_closed() == 1013
        assert other.errors[0].startswith("too many sessions: ")
        assert await speak(client) == 1000
    for attachment in list(keyed.services.attachments):
        await attachment.has_ended.wait()

    async with keyed.dial("/v2/realtime") as again:
        await again.send(json.dumps({"action": "start", "key": made.key}), STOP)
        assert await again.until_closed() == 1000


async def test_configured_keys_are_counted_beside_those_of_a_database(database_url: str) -> None:
    async with run_server(database=database_url) as server:
        async with server.dial() as client:
            await speak(client)
        ((key_id, audio_ms, sessions),) = await used(server)

    assert (len(key_id), audio_ms, sessions) == (8, SPEECH_MS, 1)


@pytest.mark.parametrize("keys", [(), ("key-1",)])
async def test_a_server_that_no_key_can_connect_to_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, keys: tuple[str, ...]
) -> None:
    async with run_server(keys=keys, database=f"sqlite:///{tmp_path / 'keys.sqlite3'}"):
        pass

    assert any("no key can connect yet" in line for line in caplog.messages) == (not keys)


async def test_a_server_writes_the_last_use_when_it_ends(database_url: str) -> None:
    async with run_server(keys=(), database=database_url) as server:
        made = await make(server)
        async with server.dial(path(made)) as client:
            await speak(client)
    books = KeyBooks.open(database_url)
    (count,) = books.usage.by_day(today=datetime.now(UTC).date(), days=2)
    books.close()

    assert (count.audio_ms, count.sessions) == (SPEECH_MS, 1)


async def test_with_keys_and_no_database_named_none_is_touched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    default_database().parent.mkdir()
    default_database().write_bytes(b"none")
    async with run_server() as server, server.dial() as client:
        assert await speak(client) == 1000

    assert server.services.keys.books is None
    assert default_database().read_bytes() == b"none"


async def test_a_server_does_not_start_without_the_database_that_was_named() -> None:
    with pytest.raises(DatabaseFault, match="Connection refused"):
        async with run_server(keys=(), database="postgresql://x:y@127.0.0.1:1/keys"):
            pass


async def test_servers_of_one_database_share_tokens_and_a_restart_ends_none(
    database_url: str,
) -> None:
    async with run_server(keys=(), database=database_url) as first:
        made = await make(first)
        token = await make_token(first, made.key)
    async with run_server(keys=(), database=database_url) as second:
        async with second.dial(f"/v2/realtime?token={token}") as client:
            await client.send(START, STOP)
            assert await client.until_closed() == 1000
        await revoke(second, made)

        assert (await refused(second, token))[:2] == (401, "unknown token")


async def make_token(server: RunningServer, key: str) -> str:
    answer = await ask(server.address.port, "/v1/tokens", {"x-api-key": key}, method="POST")
    token: str = json.loads(answer.body)["token"]
    return token
