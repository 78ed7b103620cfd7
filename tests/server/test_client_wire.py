from __future__ import annotations

from typing import Any

import pytest
from starlette.websockets import WebSocket

from scribewire.errors import ClientFault, CloseCode
from scribewire.protocol.dialogue import Close
from scribewire.server.client_wire import ClientWire


async def open_wire(sent: list[dict[str, Any]]) -> ClientWire:
    incoming = iter([{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "hello"}])

    async def receive() -> dict[str, Any]:
        return next(incoming)

    async def send(message: Any) -> None:  # noqa: ANN401 - as ASGI has it
        sent.append(message)

    websocket = WebSocket({"type": "websocket"}, receive, send)
    await websocket.accept()
    sent.clear()
    return ClientWire(websocket, name="5e55")


async def test_messages_and_the_close_go_as_what_they_are(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    sent: list[dict[str, Any]] = []
    wire = await open_wire(sent)
    received = await wire.receive()
    for message in ("text", b"bytes", Close(1008, "no: its key", logged="no")):
        await wire.send(message)

    assert received["text"] == "hello"
    assert [one["type"] for one in sent] == ["websocket.send", "websocket.send", "websocket.close"]
    assert (sent[0]["text"], sent[1]["bytes"]) == ("text", b"bytes")
    assert (sent[2]["code"], sent[2]["reason"]) == (1008, "no: its key")
    assert [one.getMessage() for one in caplog.records] == ["5e55 x closed 1008 no"]


async def test_under_another_server_there_is_nothing_to_abandon() -> None:
    wire = await open_wire([])
    wire.abandon(is_told=True)
    wire.excuse_source(ClientFault("gone", CloseCode.SERVER_FAULT))
    await wire.send(Close(1011))
