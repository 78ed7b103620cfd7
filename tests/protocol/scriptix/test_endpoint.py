from __future__ import annotations

from dataclasses import replace

import pytest

from scribewire.protocol.scriptix.endpoint import MICROPHONE, STREAM, Endpoint, client_url
from scribewire.wishes import Wishes

URLS = [
    # address, what it was made from
    ("ws://host/v2/realtime?results=standard", client_url("ws://host", MICROPHONE)),
    ("ws://host/v2/realtime?results=standard", client_url("ws://host/", MICROPHONE)),
    ("wss://host:8/a/v2/realtime?results=standard", client_url("wss://host:8/a/", MICROPHONE)),
    ("ws://host/x", client_url("ws://host", Endpoint(path="/x"))),
    (
        "wss://host/v2/realtime?token=a%26b+c&type=quality&language=en&endpointing=700&diarize=false&results=standard",
        client_url(
            "wss://host",
            MICROPHONE,
            Wishes(mode="quality", language="en", endpointing_ms=700, speakers=False),
            key="a&b c",
        ),
    ),
    (
        "ws://host/v2/realtime?results=standard",
        client_url("ws://host", MICROPHONE, Wishes(digits=True, pace="realtime")),
    ),
    (
        "ws://host/v2/client/a%2Fb?pace=realtime&url=https%3A%2F%2Fx%2Fy%3Fz%3D1&results=standard",
        client_url("ws://host", STREAM, Wishes(url="https://x/y?z=1", pace="realtime"), key="a/b"),
    ),
    (
        "ws://host/v2/realtime?results=legacy",
        client_url("ws://host", replace(MICROPHONE, shape_name="legacy")),
    ),
    (
        "ws://host/v2/client/-?url=http%3A%2F%2Fx&results=standard",
        client_url("ws://host", STREAM, Wishes(url="http://x")),
    ),
]

BAD_SERVERS = ["", "host", "http://host", "ws://", "ws://host?a=b", "ws://host#a"]


@pytest.mark.parametrize(("url", "made"), URLS)
def test_an_address_is_made_for_an_sdk(url: str, made: str) -> None:
    assert made == url


@pytest.mark.parametrize("server", BAD_SERVERS)
def test_a_server_must_be_at_a_websocket_address(server: str) -> None:
    with pytest.raises(ValueError, match="expected ws://host or wss://host"):
        client_url(server, MICROPHONE)
