from __future__ import annotations

from scribewire.protocol.events import SessionStarted
from scribewire.protocol.messages import Start


def test_a_key_is_not_shown() -> None:
    event = SessionStarted(
        start=Start(key="secret"), mode="fast", language="en", endpointing_ms=None, diarize=True
    )

    assert "secret" not in repr(event)
