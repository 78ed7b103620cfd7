from __future__ import annotations

import pytest

from scribewire.protocol.dialects import (
    DIALECTS,
    LEGACY,
    ServerAddress,
    read_request,
    split_address,
)
from scribewire.protocol.policy import ServerPolicy
from scribewire.protocol.scriptix.endpoint import MICROPHONE, STREAM
from scribewire.wishes import Wishes

PATHS = [
    # path, whose it is
    ("/v2/realtime", "/v2/realtime"),
    ("/v2/realtime/", "/v2/realtime"),
    ("/realtime", "/realtime"),
    ("/v2/client/abc", "/v2/client"),
]

UNKNOWN_PATHS = ["", "/", "/v2", "/v2/client", "/v2/realtime/x", "/v3/realtime", "/REALTIME"]

ADDRESSES = [
    ("ws://host", ServerAddress("ws://host", None)),
    ("ws://host/", ServerAddress("ws://host/", None)),
    ("wss://host:8/a/v2/realtime/", ServerAddress("wss://host:8/a", MICROPHONE)),
    ("ws://host/realtime", ServerAddress("ws://host", LEGACY)),
    ("ws://host/v2/client", ServerAddress("ws://host", STREAM)),
    ("ws://host?a=/realtime", ServerAddress("ws://host?a=/realtime", None)),
]


@pytest.mark.parametrize(("path", "owner"), PATHS)
def test_a_path_belongs_to_one_dialect(path: str, owner: str) -> None:
    request = read_request(path, "language=nl&colour=red", [("x-api-key", "a")])

    assert request is not None
    assert request.path == owner
    assert "a" in request.keys
    assert request.wishes == Wishes(language="nl")
    assert request.unknown_parameters == ("colour",)
    assert sum(one.read_request(path, "", []) is not None for one in DIALECTS) == 1


@pytest.mark.parametrize("path", UNKNOWN_PATHS)
def test_at_another_path_none_is_spoken(path: str) -> None:
    assert read_request(path, "token=a", []) is None


@pytest.mark.parametrize(("address", "split"), ADDRESSES)
def test_a_server_s_address_may_name_its_endpoint(address: str, split: ServerAddress) -> None:
    assert split_address(address) == split


def test_a_request_begins_a_dialogue() -> None:
    policy = ServerPolicy(
        languages=frozenset({"en"}), default_language="en", is_valid_key=lambda _: True
    )
    request = read_request("/realtime", "token=a", [])
    assert request is not None

    dialogue = request.begin(policy, "5e55", 100)

    assert dialogue.timer_at == 115
    assert not dialogue.is_over
