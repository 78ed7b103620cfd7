from __future__ import annotations

import json
import time
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from scribewire.testing.running import RunningServer, run_server
from scribewire.testing.scripted import draw_pcm
from tests.parts.plain_http import ask

PAGE = "https://captions.example"
START, STOP = '{"action":"start"}', '{"action":"stop"}'
SPEECH = draw_pcm("." * 5 + "hello" * 3)


async def make(
    server: RunningServer,
    key: str = "key-1",
    **wishes: Any,  # noqa: ANN401 - some are none that may be wished
) -> dict[str, Any]:
    """Ask for a token, and return what is answered with its status."""
    fields = {"x-api-key": key, "Content-Type": "application/json"}
    body = json.dumps(wishes).encode()
    answer = await ask(server.address.port, "/v1/tokens", fields, method="POST", body=body)
    return {"status": answer.status, **json.loads(answer.body)}


async def refused(server: RunningServer, path: str, **headers: str) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as caught:
        async with server.dial(path, headers):
            pass
    response = caught.value.response
    return response.status_code, json.loads(response.body)["error"]


@pytest.mark.parametrize("place", ["query", "header", "bearer", "start", "subprotocol"])
async def test_a_token_goes_where_a_key_goes(server: RunningServer, place: str) -> None:
    token = (await make(server))["token"]
    path = f"/v2/realtime?token={token}" if place == "query" else "/v2/realtime"
    headers = {"header": {"x-api-key": token}, "bearer": {"Authorization": f"Bearer {token}"}}
    offers = ("token", token) if place == "subprotocol" else ()
    start = json.dumps({"action": "start", "key": token}) if place == "start" else START

    async with server.dial(path, headers.get(place), offers=offers) as dialogue:
        await dialogue.send(start, SPEECH, STOP)

        assert await dialogue.until_closed() == 1000
        assert dialogue.finals == ["hello" * 3]
        assert token not in (dialogue.websocket.subprotocol or "")


async def test_a_token_goes_into_the_path_of_stream_mode(server: RunningServer) -> None:
    token = (await make(server, source_hosts=["radio.example"]))["token"]

    async with server.dial(f"/v2/client/{token}?url=http%3A%2F%2Fother.example%2F") as dialogue:
        assert await dialogue.until_closed() == 1008

    assert dialogue.errors == ["url: this key may not have streams of that host read"]


@pytest.mark.parametrize(
    ("wishes", "query", "error"),
    [
        ({"types": ["fast"]}, "type=quality", "type quality: this key may not ask for it"),
        ({"languages": ["nl"]}, "language=en", "language en: this key may not ask for it"),
        ({"source_hosts": []}, None, "url: this key may not have streams"),
    ],
)
async def test_a_token_is_held_to_what_it_is_for(
    server: RunningServer, wishes: dict[str, Any], query: str | None, error: str
) -> None:
    token = (await make(server, **wishes))["token"]
    path = f"/v2/client/{token}?url=http%3A%2F%2Fa.example" if query is None else "/v2/realtime"

    async with server.dial(path if query is None else f"{path}?token={token}&{query}") as dialogue:
        if query is not None:
            await dialogue.send(START)
        assert await dialogue.until_closed() == 1008

    assert dialogue.errors[0].startswith(error)


async def test_a_token_is_used_from_the_page_it_is_for() -> None:
    async with run_server(allow_origin=("*",)) as server:
        token = (await make(server, origins=[PAGE + ":443"]))["token"]
        path = f"/v2/realtime?token={token}"
        async with server.dial(path, {"Origin": PAGE}) as dialogue:
            await dialogue.send(START, STOP)
            assert await dialogue.until_closed() == 1000

        assert await refused(server, path, Origin="https://evil.example") == (
            403,
            "origin not allowed",
        )
        assert await refused(server, path) == (403, "origin not allowed")
        asked = {"x-api-key": token, "Origin": "https://evil.example"}
        answer = await ask(server.address.port, "/v1/tokens", asked, method="POST")
        assert answer.status == 403


async def test_a_token_in_start_is_used_from_the_page_it_is_for() -> None:
    async with run_server(allow_origin=("*",)) as server:
        token = (await make(server, origins=[PAGE]))["token"]
        async with server.dial("/v2/realtime", {"Origin": "https://evil.example"}) as dialogue:
            await dialogue.send(json.dumps({"action": "start", "key": token}))

            assert await dialogue.until_closed() == 1008
    assert dialogue.errors == ["origin: this key may not be used from there"]


async def test_a_token_for_one_session_begins_one(server: RunningServer) -> None:
    token = (await make(server, single_use=True))["token"]
    path = f"/v2/realtime?token={token}"
    async with server.dial(path) as first, server.dial(path) as second:
        await first.send(START)
        await first.next()
        await second.send(START)

        assert await second.until_closed() == 1008
        assert await refused(server, path) == (401, "unknown token")
        await first.send(SPEECH, STOP)
        assert await first.until_closed() == 1000

    assert first.finals == ["hello" * 3]


async def test_who_is_turned_away_for_want_of_a_place_keeps_a_token_for_one_session() -> None:
    async with run_server(max_sessions=1) as server:
        token = (await make(server, single_use=True))["token"]
        keyed = json.dumps({"action": "start", "key": token})
        async with server.dial() as first, server.dial("/v2/realtime") as second:
            await first.send(START)
            await first.next()
            await second.send(keyed)
            assert await second.until_closed() == 1013
        for attachment in list(server.services.attachments):
            await attachment.has_ended.wait()

        async with server.dial("/v2/realtime") as again:
            await again.send(keyed, STOP)
            assert await again.until_closed() == 1000


async def test_a_token_is_good_for_so_many_minutes_of_a_session(server: RunningServer) -> None:
    token = (await make(server, max_minutes=0.05))["token"]  # 3 s
    for _ in range(2):
        async with server.dial(f"/v2/realtime?token={token}") as dialogue:
            await dialogue.send(START, SPEECH, draw_pcm("." * 200))

            assert await dialogue.until_closed() == 1008
        assert dialogue.finals == ["hello" * 3]
        assert dialogue.errors[0].startswith("minutes: this key allows 0.05 of audio in a session")


async def test_a_token_says_when_it_expires_and_makes_no_other(server: RunningServer) -> None:
    made = await make(server, expires_in_s=10)

    assert made["status"] == 201
    assert 9 <= made["expires_at"] - time.time() <= 10
    again = await make(server, key=made["token"])
    assert (again["status"], again["error"]) == (403, "forbidden")


@pytest.mark.parametrize(
    "wishes",
    [
        {"expires_in_s": 9},
        {"expires_in_s": 3601},
        {"expires_in_s": 60.5},
        {"origin": [PAGE]},
        {"origins": []},
        {"origins": ["*"]},
        {"origins": [PAGE + "/page"]},
        {"types": ["slow"]},
        {"languages": ["Dutch"]},
        {"source_hosts": ["http://radio.example"]},
        {"source_hosts": ["a.*.example"]},
        {"max_minutes": 0},
        {"single_use": "yes"},
    ],
)
async def test_what_cannot_be_wished_is_refused(
    server: RunningServer, wishes: dict[str, Any]
) -> None:
    assert (await make(server, **wishes))["status"] == 400


async def test_servers_with_one_secret_share_tokens_and_others_do_not() -> None:
    secret = "planted-secret-of-at-least-32-characters"
    async with (
        run_server(token_secret=secret) as one,
        run_server(token_secret=secret) as two,
        run_server() as three,
    ):
        token = (await make(one))["token"]
        async with two.dial(f"/v2/realtime?token={token}") as dialogue:
            await dialogue.send(START, STOP)
            assert await dialogue.until_closed() == 1000

        assert await refused(three, f"/v2/realtime?token={token}") == (401, "unknown token")


async def test_the_log_names_a_token_and_does_not_hold_it(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "scribewire")
    made = await make(server)
    async with server.dial(f"/v2/realtime?token={made['token']}") as dialogue:
        await dialogue.send(START, STOP)
        await dialogue.until_closed()

    told = [record.message for record in caplog.records]
    assert any(one.endswith(f"token {made['token_id']}") for one in told)
    signature = made["token"].rpartition(".")[2]
    assert not any(signature in one for one in told)
