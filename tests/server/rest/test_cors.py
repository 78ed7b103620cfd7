from __future__ import annotations

import json

import pytest
from websockets.exceptions import InvalidStatus

from scribewire.testing.running import RunningServer, run_server
from tests.parts.plain_http import ask

PAGE = "https://captions.example"
ASKING = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
ANSWER = "access-control-allow-origin"


@pytest.mark.parametrize(
    ("allowed", "origin", "is_allowed"),
    [
        ((PAGE,), PAGE, True),
        ((PAGE, "http://localhost:5173"), "http://localhost:5173", True),
        ((PAGE,), "https://evil.example", False),
        ((PAGE,), "null", False),
        (("null",), "null", True),
        (("*",), "https://evil.example", True),
        ((), PAGE, False),
    ],
)
async def test_a_page_may_read_answers_where_it_is_named(
    allowed: tuple[str, ...], origin: str, *, is_allowed: bool
) -> None:
    async with run_server(allow_origin=allowed) as server:
        port = server.address.port
        before = await ask(port, "/v1/tokens", {"Origin": origin, **ASKING}, method="OPTIONS")
        answer = await ask(
            port, "/v1/tokens", {"Origin": origin, "x-api-key": "key-1"}, method="POST"
        )
        refusal = await ask(port, "/v1/tokens", {"Origin": origin}, method="POST")

    assert (before.status, answer.status) == ((204, 201) if is_allowed else (403, 403))
    told = origin if is_allowed else None
    assert [one.fields.get(ANSWER) for one in (before, answer)] == [told, told]
    assert {one.fields["vary"] for one in (before, answer, refusal)} == {"Origin"}
    # It may read too why it is refused.
    assert (refusal.status, refusal.fields.get(ANSWER)) == (
        (401, told) if is_allowed else (403, None)
    )
    assert b"evil" not in answer.body


async def test_a_preflight_is_told_methods_and_headers() -> None:
    async with run_server(allow_origin=(PAGE,)) as server:
        answer = await ask(
            server.address.port, "/v1/tokens", {"Origin": PAGE, **ASKING}, method="OPTIONS"
        )

    assert answer.fields["access-control-allow-methods"] == "POST, OPTIONS"
    assert "x-api-key" in answer.fields["access-control-allow-headers"]
    assert "authorization" in answer.fields["access-control-allow-headers"]
    assert answer.fields["access-control-max-age"] == "600"
    assert "access-control-allow-credentials" not in answer.fields
    assert answer.body == b""


async def test_its_own_pages_and_programs_may_ask(server: RunningServer) -> None:
    port = server.address.port
    own = {"Origin": f"http://127.0.0.1:{port}"}
    other = {"Origin": f"http://127.0.0.1:{port + 1}"}

    assert [(await ask(port, "/healthz", fields)).status for fields in ({}, own, other)] == [
        200,
        200,
        403,
    ]


async def test_a_server_behind_tls_knows_its_own_pages(server: RunningServer) -> None:
    behind = {"Host": "stt.example", "X-Forwarded-Proto": "https", "Origin": "https://stt.example"}

    assert (await ask(server.address.port, "/healthz", behind)).status == 200
    behind["Origin"] = "https://stt.example.evil.example"
    assert (await ask(server.address.port, "/healthz", behind)).status == 403


@pytest.mark.parametrize(
    ("origin", "status"),
    [(None, 101), (PAGE, 101), ("own", 101), ("https://evil.example", 403), ("null", 403)],
)
async def test_a_websocket_is_opened_by_pages_that_may(origin: str | None, status: int) -> None:
    async with run_server(allow_origin=(PAGE,)) as server:
        own = server.address.url.replace("ws://", "http://")
        headers = {} if origin is None else {"Origin": own if origin == "own" else origin}
        if status == 101:
            async with server.dial(headers=headers) as dialogue:
                await dialogue.send('{"action":"start"}', '{"action":"stop"}')
                assert await dialogue.until_closed() == 1000
            return
        with pytest.raises(InvalidStatus) as refused:
            async with server.dial(headers=headers):
                pass

    assert refused.value.response.status_code == status
    assert json.loads(refused.value.response.body)["error"] == "origin not allowed"


async def test_two_origins_are_none_that_is_allowed() -> None:
    async with run_server(allow_origin=(PAGE,)) as server:
        answer = await ask(server.address.port, "/healthz", {"Origin": PAGE, "origin": PAGE})

    assert answer.status == 403
