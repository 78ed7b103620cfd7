from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from scribewire.client.dialling import Dialling, has_room, open_connection, wait_for_room
from scribewire.client.errors import UnreachableError
from scribewire.client.opening import Opening
from scribewire.protocol.scriptix.endpoint import MICROPHONE

if TYPE_CHECKING:
    from tests.client.conftest import Peers

OPENING = Opening(url="ws://127.0.0.1:1", endpoint=MICROPHONE, key="key-1")


def url_of(listener: socket.socket) -> str:
    return f"ws://127.0.0.1:{listener.getsockname()[1]}"


def test_nobody_there_is_a_client_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = url_of(listener)
    with pytest.raises(UnreachableError):
        open_connection(Dialling(url, **OPENING.websocket_options()), OPENING)


@pytest.mark.parametrize("is_early", [False, True], ids=["once it is there", "before"])
def test_an_attempt_is_abandoned_by_another_thread(*, is_early: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dialling = Dialling(url_of(listener), **OPENING.websocket_options())

        def answer() -> None:
            connected, _ = listener.accept()
            with connected:
                connected.recv(1)
                dialling.abandon()
                connected.recv(100_000)

        answering = threading.Thread(target=answer)
        if is_early:
            dialling.abandon()
        answering.start()
        with pytest.raises(UnreachableError):
            open_connection(dialling, OPENING)
        answering.join()


async def test_a_connection_is_there_until_it_is_ended(peers: Peers) -> None:
    def program(url: str) -> list[bool]:
        connection = open_connection(Dialling(url, **OPENING.websocket_options()), OPENING)
        seen = [has_room(connection.websocket, 0)]
        wait_for_room(connection.websocket)
        for _ in range(2):
            connection.end()
        seen.append(connection.websocket.close_code == 1000)
        seen.append(has_room(connection.websocket, 0))
        return seen

    async with peers.playing(peers.Silent()) as url:
        assert await asyncio.to_thread(program, url) == [True, True, True]
