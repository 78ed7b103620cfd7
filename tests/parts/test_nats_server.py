"""The NATS that tests stand on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nats as client
from nats.js.api import StreamConfig

if TYPE_CHECKING:
    from tests.parts.nats_server import NatsServer


async def test_what_it_has_stored_outlives_a_crash(nats: NatsServer) -> None:
    for is_first in (True, False):
        connection = await client.connect(nats.url)
        jetstream = connection.jetstream()
        if is_first:
            await jetstream.add_stream(StreamConfig(name="kept", subjects=["kept"]))
            await jetstream.publish("kept", b"word")
        else:
            assert (await jetstream.stream_info("kept")).state.messages == 1
        await connection.close()
        await nats.kill()
        await nats.start()
