"""What a client sends reaches no log, wherever it stands: a key may be there by mistake."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from scribewire.testing.running import RunningServer
from tests.parts.raw_websocket import connect_raw, upgrade

CANARY = "canary7c1f9e"
START = '{"action":"start"}'
KEYED = "/v2/realtime?token=key-1"
STREAM = "/v2/client/key-1?url="


@dataclass(frozen=True)
class Slip:
    """A key in a place, right or wrong."""

    path: str = KEYED
    messages: tuple[str | bytes, ...] = (START,)
    headers: tuple[tuple[str, str], ...] = ()
    offers: tuple[str, ...] = ()


def at_url(url: str) -> Slip:
    return Slip(STREAM + quote(url, safe=""))


SLIPS = {
    "no path": Slip(f"/{CANARY}"),
    "a path beyond": Slip(f"/v2/realtime/{CANARY}?token=key-1"),
    "the stream's path": Slip(f"/v2/client/{CANARY}?url=http%3A%2F%2Fx"),
    "the token": Slip(f"/v2/realtime?token={CANARY}"),
    "two tokens": Slip(f"{KEYED}&token={CANARY}"),
    "an unknown parameter": Slip(f"{KEYED}&apikey={CANARY}"),
    "a parameter's name": Slip(f"{KEYED}&{CANARY}=1"),
    "a bare query": Slip(f"/v2/realtime?{CANARY}"),
    **{
        f"the parameter {name}": Slip(f"{KEYED}&{name}={CANARY}")
        for name in (
            "language",
            "languages",
            "type",
            "endpointing",
            "diarize",
            "results",
            "url",
            "pace",
        )
    },
    "the parameter pace of a stream": Slip(f"{STREAM}http%3A%2F%2Fx&pace={CANARY}"),
    "no URL": at_url(CANARY),
    "a URL's scheme": at_url(f"{CANARY}://host/"),
    "a URL's user": at_url(f"http://{CANARY}@127.0.0.1/a"),
    "a URL's password": at_url(f"http://user:{CANARY}@127.0.0.1:1/a"),
    "a URL's path": at_url(f"http://127.0.0.1/{CANARY}"),
    "a URL's query": at_url(f"http://127.0.0.1/?sig={CANARY}"),
    "a URL's fragment": at_url(f"http://127.0.0.1/#{CANARY}"),
    "a URL's port": at_url(f"http://127.0.0.1:{CANARY}/"),
    **{
        f"the header {name}": Slip(headers=((name, value),))
        for name, value in {
            "x-api-key": CANARY,
            "authorization": f"Bearer {CANARY}",
            "Authorization": f"Basic {CANARY}",
            "cookie": f"token={CANARY}",
            "x-forwarded-for": CANARY,
            "origin": f"http://{CANARY}",
            CANARY: "1",
        }.items()
    },
    "a subprotocol": Slip(offers=("token", CANARY)),
    "a subprotocol alone": Slip(offers=(CANARY,)),
    "an action": Slip(messages=(f'{{"action":"{CANARY}"}}', START, '{"action":"stop"}')),
    "an action that is none": Slip(messages=(f'{{"action":["{CANARY}"]}}', '{"action":"stop"}')),
    "the key of start": Slip(messages=(f'{{"action":"start","key":"{CANARY}"}}',)),
    "a key that is no text": Slip(messages=(f'{{"action":"start","key":["{CANARY}"]}}',)),
    "partial": Slip(messages=(f'{{"action":"start","partial":"{CANARY}"}}',)),
    "actual_numbers": Slip(messages=(f'{{"action":"start","actual_numbers":"{CANARY}"}}',)),
    "an unknown field": Slip(messages=(f'{{"action":"start","{CANARY}":"{CANARY}"}}', START)),
    "a field twice": Slip(messages=(f'{{"{CANARY}":1,"{CANARY}":2}}',)),
    "broken JSON": Slip(messages=(f'{{"key":"{CANARY}',)),
    "a text that is no object": Slip(messages=(f'"{CANARY}"',)),
    "a list": Slip(messages=(f'["{CANARY}"]',)),
    "bytes": Slip(messages=(START, CANARY.encode() * 20, '{"action":"stop"}')),
    "bytes before start": Slip(messages=(CANARY.encode(),)),
    "a WAV header": Slip(messages=(START, b"RIFF\0\0\0\0WAVE" + CANARY.encode() * 9)),
}


@pytest.fixture(autouse=True)
def _every_level(caplog: pytest.LogCaptureFixture) -> None:
    """Hear what is logged at all, by us; libraries are heard from `warning` up, as in `serve`."""
    caplog.set_level(logging.WARNING)
    caplog.set_level(logging.DEBUG, "scribewire")


def logged(caplog: pytest.LogCaptureFixture) -> str:
    formatter = logging.Formatter("%(name)s %(message)s")
    return "\n".join(formatter.format(record) for record in caplog.records)


@pytest.mark.parametrize("slip", SLIPS.values(), ids=SLIPS)
async def test_a_key_is_not_logged(
    server: RunningServer, slip: Slip, caplog: pytest.LogCaptureFixture
) -> None:
    with contextlib.suppress(InvalidHandshake, ConnectionClosed):
        async with server.dial(slip.path, dict(slip.headers), offers=slip.offers) as dialogue:
            await dialogue.send(*slip.messages)
            await dialogue.send('{"action":"stop"}')
            await dialogue.until_closed()
    for attachment in list(server.services.attachments):
        await attachment.has_ended.wait()

    assert caplog.records  # it does log
    assert CANARY not in logged(caplog)


def posted(body: str, kind: str = "application/json") -> str:
    head = f"POST /v1/tokens HTTP/1.1\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}KEYED\r\n{body}"


RAW = {
    "a request line": f"GET /{CANARY}\r\n\r\n".encode(),
    "no request": f"{CANARY}\r\n\r\n".encode(),
    "a method": f"{CANARY} / HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
    **{
        f"a request's {place}": data.replace("KEYED", "Host: x\r\nx-api-key: key-1\r\n").encode()
        for place, data in {
            "wrong key": f"POST /v1/tokens HTTP/1.1\r\nHost: x\r\nx-api-key: {CANARY}\r\n\r\n",
            "token": f"GET /api/v4/realtime/status?token={CANARY} HTTP/1.1\r\nHost: x\r\n\r\n",
            "query": f"GET /api/v4/realtime/status?language={CANARY} HTTP/1.1\r\nKEYED\r\n",
            "page": f"GET /healthz HTTP/1.1\r\nOrigin: http://{CANARY}\r\nKEYED\r\n",
            "body": posted(f'{{"origins":["{CANARY}"]}}'),
            "field": posted(f'{{"{CANARY}":1}}'),
            "broken body": posted(f'{{"{CANARY}'),
            "form": posted(f"key={CANARY}", "application/x-www-form-urlencoded"),
            "length": f"POST /v1/tokens HTTP/1.1\r\nContent-Length: {CANARY}\r\nKEYED\r\n",
        }.items()
    },
    "a broken header": f"GET / HTTP/1.1\r\n{CANARY}\r\n\r\n".encode(),
    "a page's path": f"GET /{CANARY}?a={CANARY} HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
    "a WebSocket's key": upgrade("/v2/realtime").replace(
        b"Sec-WebSocket-Version: 13", CANARY.encode()
    ),
    "an offer that is no token": upgrade(KEYED, f"Sec-WebSocket-Protocol: token, {CANARY}=/"),
    "a frame": upgrade(KEYED) + CANARY.encode() * 20,
    "a text that is not UTF-8": upgrade(KEYED) + b"\x81\x8d" + bytes(4) + CANARY.encode() + b"\xff",
    "a close": upgrade(KEYED) + b"\x88\x8e" + bytes(4) + b"\x03\xe8" + CANARY.encode(),
}


@pytest.mark.parametrize("data", RAW.values(), ids=RAW)
async def test_a_key_in_what_is_no_dialogue_is_not_logged(
    server: RunningServer, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect_raw(server.address.host, server.address.port) as raw:
        await raw.send(data)
        raw.writer.write_eof()
        await raw.until_gone()
    await asyncio.gather(*(one.has_ended.wait() for one in list(server.services.attachments)))

    assert CANARY not in logged(caplog)
