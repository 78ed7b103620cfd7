from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import quote, urlsplit

import anyio.to_thread
import pytest
from websockets.exceptions import InvalidStatus

from scribewire.engines.engines import Engines
from scribewire.engines.protocols import SpeechEngine
from scribewire.keys.configured import fingerprint
from scribewire.runtime.admission import CallCosts
from scribewire.server.app import make_app
from scribewire.server.run import serving
from scribewire.settings import Settings
from scribewire.testing.observing import RememberingObserver
from scribewire.testing.running import RunningServer, run_server
from scribewire.testing.scripted import ScriptedEngine, ScriptedVad, draw_pcm

START, STOP = '{"action":"start"}', '{"action":"stop"}'


async def get(server: RunningServer, path: str) -> tuple[int, dict[str, Any]]:
    def ask() -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection(urlsplit(server.address.url).netloc, timeout=5)
        connection.request("GET", path)
        response = connection.getresponse()
        body: dict[str, Any] = json.loads(response.read())
        connection.close()
        return response.status, body

    return await anyio.to_thread.run_sync(ask)


NO_SUCH_PATH = "no such address here: expected /v2/realtime or /v2/client/KEY?url=... or /realtime"


async def refusal(
    server: RunningServer, path: str, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, Any], str | None]:
    with pytest.raises(InvalidStatus) as refused:
        async with server.dial(path, headers):
            pass
    response = refused.value.response
    return response.status_code, json.loads(response.body), response.headers.get("Retry-After")


@pytest.mark.parametrize("path", ["/v2/realtime", "/realtime", "/v2/client/key-1?url=x"])
async def test_an_ordinary_request_to_a_websocket_address_is_told_so(
    server: RunningServer, path: str
) -> None:
    status, body = await get(server, path)

    assert status == 426
    assert "ws://" in body["message"]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v2/realtime?token=wrong", {}),
        ("/v2/realtime", {"x-api-key": "wrong"}),
        ("/v2/realtime?token=key-1", {"Authorization": "Bearer wrong"}),
        ("/realtime?token=key-1&token=wrong", {}),
    ],
)
async def test_a_wrong_key_in_the_handshake_is_refused_with_401_and_json(
    server: RunningServer, path: str, headers: dict[str, str]
) -> None:
    status, body, _ = await refusal(server, path, headers)

    assert status == 401
    assert "unknown token" in body["error"]
    assert "wrong" not in json.dumps(body)


async def test_after_too_many_wrong_keys_an_address_waits_and_a_valid_key_is_let_in() -> None:
    async with run_server(max_wrong_keys=2) as server:
        answers = []
        for path in ["/v2/realtime?token=wrong", "/v2/client/wrong?url=x", "/realtime"] * 2:
            status, body, retry_after = await refusal(server, path, {"x-api-key": "wrong"})
            answers.append((status, body["error"], retry_after))
        async with server.dial() as dialogue:
            await dialogue.send(START, STOP)

            assert await dialogue.until_closed() == 1000

    counted = (401, "unknown token", None)
    assert answers == [counted] * 3 + [(429, "too many wrong keys", "1")] * 3


async def test_after_too_many_wrong_keys_a_start_is_answered_late(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "scribewire")
    observer, waits = RememberingObserver(), list[int]()
    async with run_server(observer=observer, max_wrong_keys=1, max_wrong_key_wait_ms=60) as server:
        took_s = []
        for _ in range(3):
            began_at = asyncio.get_running_loop().time()
            async with server.dial("/v2/realtime") as dialogue:
                await dialogue.send('{"action":"start","key":"wrong"}')
                assert await dialogue.until_closed() == 1008
            took_s.append(asyncio.get_running_loop().time() - began_at)
            waits.append(caplog.text.count("too many wrong keys from 127.0.0.1: it waits"))
        async with server.dial("/v2/realtime") as dialogue:
            await dialogue.send('{"action":"start","key":"key-1"}', STOP)

            assert await dialogue.until_closed() == 1000

    assert waits == [0, 1, 2]
    assert min(took_s[1:]) >= 0.06
    assert [note for note in observer.told if note.startswith("refused")] == [
        "refused: unknown token"
    ] * 3


@pytest.mark.parametrize(
    ("offers", "answer"),
    [
        (["token", "key-1"], "token"),
        (["captions", "token", "key-1"], "captions"),
        (["token", "key-1", "captions"], "captions"),
    ],
)
async def test_a_browser_may_offer_its_key_as_a_subprotocol_and_is_answered(
    server: RunningServer, offers: list[str], answer: str
) -> None:
    async with server.dial("/v2/realtime", offers=offers) as dialogue:
        await dialogue.send(START, draw_pcm("." * 5 + "hello" * 3), STOP)

        assert await dialogue.until_closed() == 1000
        assert dialogue.websocket.subprotocol == answer
        assert dialogue.finals == ["hello" * 3]


@pytest.mark.parametrize(
    ("offers", "answer"), [(["captions"], "captions"), (["key-1", "captions"], "captions")]
)
async def test_what_is_offered_is_answered_and_a_key_is_not(
    server: RunningServer, offers: list[str], answer: str
) -> None:
    async with server.dial(offers=offers) as dialogue:
        assert dialogue.websocket.subprotocol == answer


async def test_a_wrong_key_that_is_offered_is_refused(server: RunningServer) -> None:
    with pytest.raises(InvalidStatus, match="401"):
        async with server.dial(offers=["token", "wrong"]):
            pass


@pytest.mark.parametrize(
    ("default", "query", "has_legacy_shape"),
    [
        ("standard", "", False),
        ("standard", "&results=legacy", True),
        ("legacy", "", True),
        ("legacy", "&results=standard", False),
    ],
)
async def test_client_and_operator_choose_the_shape_of_results(
    *, default: str, query: str, has_legacy_shape: bool
) -> None:
    async with (
        run_server(results=default) as server,
        server.dial(f"/v2/realtime?token=key-1{query}") as dialogue,
    ):
        await dialogue.send(START, draw_pcm("." * 5 + "hello" * 3), STOP)
        await dialogue.until_closed()

    final = next(one for one in reversed(dialogue.messages) if "text" in one)
    assert ("is_final" not in final) is has_legacy_shape


async def test_an_unknown_path_is_refused_with_404(server: RunningServer) -> None:
    status, body, _ = await refusal(server, "/v1/listen?token=key-1")

    assert status == 404
    assert body["message"] == NO_SUCH_PATH


@pytest.mark.parametrize("path", ["/v2", "/v2/client"])
async def test_so_is_an_ordinary_request_to_one(server: RunningServer, path: str) -> None:
    status, body = await get(server, path)

    assert (status, body["message"]) == (404, NO_SUCH_PATH)


async def test_a_server_that_is_going_down_refuses_with_503_and_when_to_come_back(
    server: RunningServer,
) -> None:
    server.services.draining.begin()

    status, body, retry_after = await refusal(server, "/v2/realtime?token=key-1")

    assert status == 503
    assert "going down" in body["message"]
    assert retry_after == "5"


@pytest.mark.parametrize("path", ["/v2/realtime", "/v2/client/key-1"])
async def test_who_is_let_in_just_before_it_goes_down_is_told_once_and_has_no_session(
    server: RunningServer, path: str
) -> None:
    draining, sent = server.services.draining, list[dict[str, Any]]()
    scope = {
        "type": "websocket",
        "path": path,
        "query_string": b"token=key-1&url=http%3A%2F%2F192.0.2.1%2F",
        "headers": [(b"host", b"localhost")],
        "subprotocols": [],
    }

    async def receive() -> dict[str, Any]:
        if sent:
            await asyncio.Event().wait()  # it says nothing more
        draining.begin()
        await draining.has_ended.wait()  # nobody was there
        return {"type": "websocket.connect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(dict(message))

    async with asyncio.timeout(5):
        await make_app(server.services)(scope, receive, send)

    states = [json.loads(one["text"])["state"] for one in sent if "text" in one]
    assert [state for state in states if state != "loading"] == ["shutting_down", "stopped"]
    assert sent[-1]["code"] == 1012


async def test_beyond_the_limit_of_sessions_a_server_refuses_until_one_ends() -> None:
    async with run_server(max_sessions=1) as server:
        async with server.dial() as dialogue:
            await dialogue.send('{"action":"start"}')
            await dialogue.next()

            status, body, retry_after = await refusal(server, "/v2/realtime?token=key-1")

            assert (status, body["error"], retry_after) == (503, "too many sessions", "5")
            assert body["message"] == "all places of this server are taken"
            (open_one,) = server.services.attachments
        await open_one.has_ended.wait()

        async with server.dial() as dialogue:
            await dialogue.send('{"action":"start"}')
            assert await dialogue.next()


async def test_a_server_whose_finals_come_late_refuses_new_sessions_and_keeps_the_open_ones() -> (
    None
):
    speech: SpeechEngine = ScriptedEngine()
    settings = Settings(port=0, keys=("key-1",), workers=1, place_wait_ms=0)
    costs = {speech: CallCosts(final_s=0.001, stream_share=0.3)}  # two of them are a busy worker
    async with (
        serving(settings, Engines(ScriptedVad(), (speech,)), costs) as running,
        RunningServer(*running).dial() as dialogue,
    ):
        server = RunningServer(*running)
        await dialogue.send('{"action":"start"}')
        for _ in range(20):
            server.services.scheduler.note_final(0.9)

        status, body, _ = await refusal(server, "/v2/realtime?token=key-1")

        assert (status, body["error"]) == (503, "too many sessions")
        assert "busy" in body["message"]
        await dialogue.send(draw_pcm("." * 5 + "hello" * 3), '{"action":"stop"}')
        assert await dialogue.until_closed() == 1000
        assert dialogue.finals == ["hello" * 3]


async def test_who_has_shown_no_key_takes_no_place_from_those_who_have() -> None:
    async with run_server(max_sessions=1) as server, contextlib.AsyncExitStack() as strangers:
        for _ in range(5):
            await strangers.enter_async_context(server.dial("/v2/realtime"))

        async with server.dial() as dialogue:
            await dialogue.send(START, STOP)
            assert await dialogue.until_closed() == 1000


async def test_a_key_that_comes_with_start_takes_its_place_then_or_is_turned_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    keyed = '{"action":"start","key":"key-1"}'
    caplog.set_level("INFO", "scribewire.session")
    async with run_server(max_sessions=1) as server:
        async with server.dial("/v2/realtime") as late, server.dial("/v2/realtime") as first:
            await first.send(keyed)
            await first.next()

            await late.send(keyed, draw_pcm("hello"))
            error = await late.next()

            assert "all places of this server are taken" in error["error"]
            assert await late.until_closed() == 1013
            await first.send(draw_pcm("." * 5 + "hello" * 3), STOP)
            assert await first.until_closed() == 1000
            assert first.finals == ["hello" * 3]
        for attachment in list(server.services.attachments):
            await attachment.has_ended.wait()

        async with server.dial("/v2/realtime") as again:
            await again.send(keyed, STOP)
            assert await again.until_closed() == 1000
    assert any("no place: 1 sessions open" in record.message for record in caplog.records)


async def test_a_wrong_key_learns_nothing_of_the_load() -> None:
    async with run_server(max_sessions=1) as server, server.dial():
        status, _, _ = await refusal(server, "/v2/realtime?token=wrong")

    assert status == 401


def raw_frame(opcode: int, payload: bytes) -> bytes:
    """A client's frame of up to 125 bytes, masked with zeros."""
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + bytes(4) + payload


async def test_text_that_is_not_utf8_is_the_clients_fault_and_no_error_of_the_server(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with server.dial() as dialogue:
        # In one packet: uvicorn has closed before the session sends `listening`.
        dialogue.websocket.transport.write(raw_frame(1, START.encode()) + raw_frame(1, b"\xff"))
        code = await dialogue.until_closed()
    for attachment in list(server.services.attachments):
        await attachment.has_ended.wait()

    assert code == 1007
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


async def test_no_session_is_left_behind(server: RunningServer) -> None:
    async with server.dial() as dialogue:
        await dialogue.send(START)
        await dialogue.next()
        assert len(server.services.attachments) == 1
        await dialogue.send(STOP)
        await dialogue.until_closed()
    for attachment in list(server.services.attachments):
        await attachment.has_ended.wait()

    assert not server.services.attachments


@pytest.mark.parametrize(
    ("path", "start"),
    [
        ("/v2/realtime?token=key-1", START),
        ("/v2/realtime", '{"action":"start","key":"key-1"}'),
    ],
)
async def test_the_log_says_once_whose_session_it_is(
    path: str, start: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "scribewire.session")
    async with run_server() as server, server.dial(path) as dialogue:
        await dialogue.send(start, STOP)
        await dialogue.until_closed()

    told = [record.message for record in caplog.records if "client " in record.message]
    assert [one.partition(" = ")[2] for one in told] == [
        f"client 127.0.0.1, key {fingerprint('key-1')}"
    ]


async def test_the_log_says_which_host_a_stream_comes_from_and_no_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG", "scribewire")
    url = "http://user:word@radio.internal:8000/secret/live?sig=secret"
    async with (
        run_server() as server,
        server.dial(f"/v2/client/key-1?url={quote(url, safe='')}") as dialogue,
    ):
        await dialogue.until_closed()

    told = [record.message for record in caplog.records if "key " in record.message]
    assert len(told) == 1
    assert told[0].endswith("source radio.internal")
    assert not any("secret" in record.message for record in caplog.records)
