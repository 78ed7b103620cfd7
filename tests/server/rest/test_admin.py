from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text

from scribewire.grants import Grant
from scribewire.keys.database import open_database
from scribewire.testing.running import RunningServer, run_server
from scribewire.testing.scripted import draw_pcm
from tests.parts.plain_http import ask
from tests.parts.postgresql import PostgreSql

START, STOP = '{"action":"start"}', '{"action":"stop"}'
KEYS = "/v1/admin/keys"


@dataclass
class Operator:
    """Asks a server with a key that may manage keys."""

    server: RunningServer
    key: str

    @property
    def key_id(self) -> str:
        return self.key[:13]

    async def ask(
        self, method: str, path: str, body: object = None, *, key: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        fields = {"Authorization": f"Bearer {key or self.key}"}
        fields |= {} if body is None else {"Content-Type": "application/json"}
        answer = await ask(
            self.server.address.port,
            path,
            fields,
            method=method,
            body=b"" if body is None else json.dumps(body).encode(),
        )
        return answer.status, json.loads(answer.body)

    async def make(self, **wishes: object) -> dict[str, Any]:
        status, made = await self.ask("POST", KEYS, {"name": "lobby", **wishes})
        assert status == 201, made
        return made


async def admin_of(server: RunningServer) -> Operator:
    rights = Grant(name="operator", is_admin=True)
    made = await server.services.keys.call(
        lambda books: books.store.create(rights, now=time.time() - 60)
    )
    return Operator(server, made.key)


@pytest.fixture
async def operator(database_url: str) -> AsyncIterator[Operator]:
    async with run_server(database=database_url) as server:
        yield await admin_of(server)


async def test_a_key_is_made_and_connects_at_once(operator: Operator) -> None:
    made = await operator.make(
        types=["fast"], languages=["en"], minutes_per_day=1.5, expires_in_s=60
    )

    assert made["expires_at"] == made["created_at"] + 60
    assert made["key"].startswith(made["id"] + "_")
    assert (made["state"], made["types"], made["minutes_per_day"]) == ("active", ["fast"], 1.5)
    async with operator.server.dial(f"/v2/realtime?token={made['key']}") as client:
        await client.send(START, draw_pcm("." * 5 + "hello" * 3), STOP)
        assert await client.until_closed() == 1000
    assert client.finals == ["hello" * 3]


async def test_a_key_is_shown_and_listed_without_its_secret(operator: Operator) -> None:
    made = await operator.make()
    key = made.pop("key")

    assert await operator.ask("GET", f"{KEYS}/{made['id']}") == (200, made)
    status, listed = await operator.ask("GET", KEYS)
    assert status == 200
    assert [one["id"] for one in listed["keys"]] == [operator.key_id, made["id"]]
    assert key[14:] not in json.dumps(listed)


async def test_a_key_that_is_revoked_ends_its_session_before_the_answer(
    operator: Operator,
) -> None:
    made = await operator.make()
    async with operator.server.dial(f"/v2/realtime?token={made['key']}") as client:
        await client.send(START, draw_pcm("." * 5 + "hello" * 3))
        await client.next()
        status, revoked = await operator.ask("DELETE", f"{KEYS}/{made['id']}")

        assert (status, revoked["state"]) == (200, "revoked")
        assert await client.until_closed() == 1008

    assert (await operator.ask("GET", KEYS))[1]["keys"][-1]["id"] == operator.key_id
    assert len((await operator.ask("GET", f"{KEYS}?all=true"))[1]["keys"]) == 2
    assert (await operator.ask("POST", f"{KEYS}/{made['id']}/rotate", {}))[0] == 409


async def test_a_key_gets_a_new_secret_with_grace_for_the_old_one(operator: Operator) -> None:
    made = await operator.make(is_admin=True)
    status, again = await operator.ask("POST", f"{KEYS}/{made['id']}/rotate", {"grace_s": 60})

    assert (status, again["id"]) == (200, made["id"])
    for key in (made["key"], again["key"]):
        assert (await operator.ask("GET", KEYS, key=key))[0] == 200
    await operator.ask("POST", f"{KEYS}/{made['id']}/rotate")
    assert (await operator.ask("GET", KEYS, key=made["key"]))[0] == 401


async def test_a_new_secret_ends_the_tokens_of_the_old_one(operator: Operator) -> None:
    made = await operator.make()
    token = (await operator.ask("POST", "/v1/tokens", {}, key=made["key"]))[1]["token"]
    assert operator.server.services.tokens.grant_of(token) is not None
    again = (await operator.ask("POST", f"{KEYS}/{made['id']}/rotate"))[1]

    assert operator.server.services.tokens.grant_of(token) is None
    status, _ = await operator.ask("POST", "/v1/tokens", {}, key=again["key"])
    assert status == 201


async def test_a_key_is_changed_in_what_is_named_and_an_open_session_follows(
    operator: Operator,
) -> None:
    made = await operator.make(types=["fast"], max_sessions=1, minutes_per_day=60)
    path = f"{KEYS}/{made['id']}"
    async with operator.server.dial(f"/v2/realtime?token={made['key']}") as client:
        await client.send(START, draw_pcm("." * 5 + "hello" * 3))
        while not client.texts or "text" not in client.texts[-1]:
            await client.next()
        status, changed = await operator.ask(
            "PATCH", path, {"minutes_per_day": 0.0001, "max_sessions": None, "name": "hall"}
        )
        assert status == 200, changed
        await client.send(draw_pcm("never" * 10))

        assert await client.until_closed() == 1008
        assert client.errors[0].startswith("minutes used up: ")

    del made["key"]
    expected = made | {"minutes_per_day": 0.0001, "max_sessions": None, "name": "hall"}
    assert (status, changed | {"last_used_at": None}) == (200, expected)
    assert (await operator.ask("PATCH", path, {"expires_in_s": 60}))[1]["expires_at"] is not None
    assert (await operator.ask("PATCH", path, {"expires_in_s": None}))[1]["expires_at"] is None
    assert (await operator.ask("PATCH", path, {}))[1]["types"] == ["fast"]
    await operator.ask("DELETE", path)
    assert (await operator.ask("PATCH", path, {"name": "over"}))[0] == 409


async def test_use_is_told_by_day(operator: Operator) -> None:
    made = await operator.make()
    async with operator.server.dial(f"/v2/realtime?token={made['key']}") as client:
        await client.send(START, draw_pcm("hello"), STOP)
        await client.until_closed()
    await operator.server.services.keys.synchronise()

    status, told = await operator.ask("GET", f"/v1/admin/usage?days=2&key_id={made['id']}")

    assert status == 200
    (day,) = told["usage"]
    assert (day["key_id"], day["audio_s"], day["sessions"]) == (made["id"], 0.16, 1)


async def test_long_answers_come_a_page_at_a_time(operator: Operator) -> None:
    made = [await operator.make() for _ in range(3)]
    ids = [operator.key_id, *(one["id"] for one in made)]
    for one in ids:
        operator.server.services.keys.access.begin(Grant(key_id=one), lambda _: None)

    async def read_all(path: str, what: str) -> list[str]:
        found: list[str] = []
        after: str | None = ""
        while after is not None:
            status, page = await operator.ask("GET", f"{path}?limit=3&after={after}")
            assert (status, 0 < len(page[what]) <= 3) == (200, True)
            found += [one.get("id") or one["key_id"] for one in page[what]]
            after = page["next"]
        return found

    assert sorted(await read_all(KEYS, "keys")) == sorted(ids)
    await operator.server.services.keys.synchronise()
    assert await read_all("/v1/admin/usage", "usage") == sorted(ids)


REFUSED = [
    ("GET", f"{KEYS}/sw_k3v9q2m7tx", None, 404),
    ("DELETE", f"{KEYS}/%00", None, 404),
    ("POST", f"{KEYS}/lobby/rotate", {}, 404),
    ("POST", KEYS, {}, 400),
    ("POST", KEYS, {"name": " "}, 400),
    ("POST", KEYS, {"name": "lobby", "types": ["slow"]}, 400),
    ("POST", KEYS, {"name": "lobby", "expires_in_s": 0}, 400),
    ("POST", KEYS, {"name": "lobby", "max_sessions": 10**30}, 400),
    ("POST", KEYS, {"name": "lobby", "max_session": 1}, 400),
    ("GET", "/v1/admin/usage?days=0", None, 400),
    ("GET", "/v1/admin/usage?after=today", None, 400),
    ("GET", f"{KEYS}?after=sw_k3v9q2m7tx", None, 400),
    ("GET", f"{KEYS}?limit=1001", None, 400),
    ("PATCH", f"{KEYS}/sw_k3v9q2m7tx", {"max_sessions": 2}, 404),
    ("PATCH", f"{KEYS}/sw_k3v9q2m7tx", {"max_sessions": 0}, 400),
    ("PATCH", f"{KEYS}/sw_k3v9q2m7tx", {"is_admin": True}, 400),
]


async def test_what_cannot_be_done_is_refused(operator: Operator) -> None:
    answers = [(await operator.ask(method, path, body))[0] for method, path, body, _ in REFUSED]

    assert answers == [status for *_, status in REFUSED]


async def test_only_a_key_that_may_manage_keys_manages_them(operator: Operator) -> None:
    made = await operator.make()
    status, token = await operator.ask("POST", "/v1/tokens", {})
    assert status == 201

    for key in (made["key"], "key-1", token["token"]):
        status, told = await operator.ask("GET", KEYS, key=key)
        assert (status, told["error"]) == (403, "forbidden")


async def test_a_key_does_not_revoke_itself_by_mistake(operator: Operator) -> None:
    assert (await operator.ask("DELETE", f"{KEYS}/{operator.key_id}"))[0] == 409


async def test_a_database_that_is_away_is_told(postgresql: PostgreSql) -> None:
    async with run_server(database=postgresql.new_database()) as server:
        operator = await admin_of(server)
        postgresql.stop()
        status, told = await operator.ask("GET", KEYS)
        postgresql.start()

        assert (status, told["error"]) == (503, "database unavailable")
        assert (await operator.ask("GET", KEYS))[0] == 200


async def test_what_may_have_been_done_is_told_so(postgresql: PostgreSql) -> None:
    url = postgresql.new_database()
    async with run_server(database=url) as server:
        operator = await admin_of(server)
        end_at_commit(url)
        status, told = await operator.ask("POST", KEYS, {"name": "lobby"})

        assert (status, told["error"]) == (503, "outcome unknown")
        assert "may have been done" in told["message"]
        assert (await operator.ask("GET", KEYS))[0] == 200


def end_at_commit(url: str) -> None:
    """Let connections of a PostgreSQL end in the middle of the commit that would make a key."""
    database = open_database(url)
    with database.writing() as session:
        session.execute(
            text(
                "CREATE FUNCTION end_connection() RETURNS trigger LANGUAGE plpgsql AS "
                "'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'"
            )
        )
        session.execute(
            text(
                "CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON api_key "
                "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION end_connection()"
            )
        )
    database.close()


async def test_the_log_says_who_changed_a_key_and_holds_no_secret(
    operator: Operator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "scribewire")
    made = await operator.make()
    await operator.ask("DELETE", f"{KEYS}/{made['id']}")

    assert f"= key {made['id']} made by key {operator.key_id}" in caplog.messages
    assert f"= key {made['id']} revoked by key {operator.key_id}" in caplog.messages
    assert not any(made["key"][14:] in line for line in caplog.messages)
