"""Server-Sent Events over ASGI, letter by letter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

import pytest

from scribewire.server.rest.event_stream import EventStream, ServerSentEvent

if TYPE_CHECKING:
    from starlette.types import Message


class Client:
    """One request, whose answer a test looks at."""

    def __init__(self, method: str = "GET") -> None:
        self.scope: dict[str, Any] = {"type": "http", "method": method}
        self.sent: list[Message] = []
        self.has_left = asyncio.Event()

    async def receive(self) -> Message:
        await self.has_left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def body(self) -> str:
        return b"".join(one.get("body", b"") for one in self.sent).decode()


class Events:
    """Those of one answer, and what has become of them."""

    def __init__(self, *events: ServerSentEvent | None, goes_on: bool = False) -> None:
        self._events, self._goes_on = events, goes_on
        self.is_closed = False
        self.ended = 0

    async def told(self) -> AsyncGenerator[ServerSentEvent | None, None]:
        try:
            for event in self._events:
                yield event
            if self._goes_on:
                await asyncio.Event().wait()
        finally:
            self.is_closed = True

    def end(self) -> None:
        self.ended += 1

    def stream(self) -> EventStream:
        return EventStream(self.told(), self.end)


@pytest.mark.parametrize(
    ("event", "written"),
    [
        (ServerSentEvent("end", {}), "event: end\ndata: {}\n\n"),
        (
            ServerSentEvent("final", {"text": "é\nb", "n": 1}, 7),
            'event: final\nid: 7\ndata: {"text":"é\\nb","n":1}\n\n',
        ),
    ],
)
def test_an_event_is_one_block_of_lines(event: ServerSentEvent, written: str) -> None:
    assert str(event) == written


async def test_events_are_sent_as_they_come_and_then_it_ends() -> None:
    client, events = Client(), Events(ServerSentEvent("a", {}, 1), None, ServerSentEvent("b", {}))

    stream = events.stream().with_headers({"X-More": "yes"})
    await stream(client.scope, client.receive, client.send)

    head = dict(client.sent[0]["headers"])
    assert client.sent[0]["status"] == 200
    assert head[b"Content-Type"] == b"text/event-stream"
    assert (head[b"Cache-Control"], head[b"X-More"]) == (b"no-store", b"yes")
    assert client.body == (
        "retry: 2000\n\nevent: a\nid: 1\ndata: {}\n\n: alive\n\nevent: b\ndata: {}\n\n"
    )
    assert [one["more_body"] for one in client.sent[1:]] == [True] * 4 + [False]
    assert (events.is_closed, events.ended) == (True, 1)


async def test_when_its_client_leaves_nothing_goes_on() -> None:
    client, events = Client(), Events(ServerSentEvent("a", {}), goes_on=True)
    running = asyncio.create_task(events.stream()(client.scope, client.receive, client.send))
    async with asyncio.timeout(5):
        while "event: a" not in client.body:  # noqa: ASYNC110 - the task of the test
            await asyncio.sleep(0)
        client.has_left.set()
        await running

    assert (events.is_closed, events.ended) == (True, 1)


async def test_who_asks_for_the_head_alone_hears_no_event() -> None:
    client, events = Client("HEAD"), Events(ServerSentEvent("a", {}), goes_on=True)

    await events.stream()(client.scope, client.receive, client.send)

    assert (client.body, events.ended) == ("", 1)


async def test_what_goes_wrong_is_told_to_who_serves_it() -> None:
    class BrokenError(RuntimeError):
        pass

    async def told() -> AsyncGenerator[ServerSentEvent | None, None]:
        yield None
        raise BrokenError

    client, events = Client(), Events()
    with pytest.raises(BrokenError):
        await EventStream(told(), events.end)(client.scope, client.receive, client.send)
    assert events.ended == 1
