from __future__ import annotations

import pytest

from scribewire.errors import CloseCode, ModelFault
from scribewire.protocol.dialects import read_request
from scribewire.protocol.dialogue import Close, Dialogue
from scribewire.server.failures import fail_dialogue
from scribewire.testing.running import RunningServer


def begin(server: RunningServer) -> Dialogue:
    request = read_request("/v2/realtime", "token=key-1", [])
    assert request is not None
    return request.begin(server.services.policy, "0" * 32, 0.0)


@pytest.mark.parametrize(
    ("mistake", "told"),
    [(ModelFault("gone: /secret/path"), "model"), (ValueError("/secret/path"), "recognition")],
)
async def test_a_client_is_told_of_it_without_our_internals(
    server: RunningServer, caplog: pytest.LogCaptureFixture, mistake: Exception, told: str
) -> None:
    dialogue = begin(server)
    fail_dialogue(dialogue, mistake, name="5e55")
    error, close = dialogue.next_outgoing(), dialogue.next_outgoing()

    assert isinstance(error, str)
    assert told in error
    assert "secret" not in error
    assert isinstance(close, Close)
    assert close.code == CloseCode.SERVER_FAULT
    assert [one.levelname for one in caplog.records if "5e55" in one.getMessage()] == ["ERROR"]
