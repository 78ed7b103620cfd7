from __future__ import annotations

import pytest

from scribewire.grants import NO_LIMITS
from scribewire.protocol.dialects import (
    DIALECTS,
    LEGACY,
    Destination,
    find_destination,
    read_request,
)
from scribewire.protocol.policy import ServerPolicy
from scribewire.protocol.scriptix.endpoint import MICROPHONE, STREAM
from scribewire.wishes import USUAL, Wishes

PATHS = [
    # path, whose it is
    ("/v2/realtime", "/v2/realtime"),
    ("/v2/realtime/", "/v2/realtime"),
    ("/realtime", "/realtime"),
    ("/v2/client/abc", "/v2/client"),
]

UNKNOWN_PATHS = ["", "/", "/v2", "/v2/client", "/v2/realtime/x", "/v3/realtime", "/REALTIME"]

PULLED = Wishes(url="http://x")

ADDRESSES = [
    ("ws://host", USUAL, Destination("ws://host", MICROPHONE)),
    ("ws://host/", PULLED, Destination("ws://host/", STREAM)),
    ("wss://host:8/a/v2/realtime/", USUAL, Destination("wss://host:8/a", MICROPHONE)),
    ("ws://host/realtime", USUAL, Destination("ws://host", LEGACY)),
    ("ws://host/realtime", PULLED, Destination("ws://host", STREAM)),
    ("ws://host/v2/client", USUAL, Destination("ws://host", STREAM)),
    ("ws://host?a=/realtime", USUAL, Destination("ws://host?a=/realtime", MICROPHONE)),
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


@pytest.mark.parametrize(("address", "wishes", "destination"), ADDRESSES)
def test_a_server_s_address_may_name_its_endpoint(
    address: str, wishes: Wishes, destination: Destination
) -> None:
    assert find_destination(address, wishes) == destination


def test_a_destination_has_a_url() -> None:
    assert Destination("ws://host", LEGACY).url(Wishes(language="nl")) == (
        "ws://host/realtime?language=nl"
    )


def test_a_request_begins_a_dialogue() -> None:
    policy = ServerPolicy(
        languages=frozenset({"en"}), default_language="en", grant_of=lambda _: NO_LIMITS
    )
    request = read_request("/realtime", "token=a", [])
    assert request is not None

    dialogue = request.begin(policy, "5e55", 100)

    assert dialogue.timer_at == 115
    assert not dialogue.is_over
