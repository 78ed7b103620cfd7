from __future__ import annotations

from scribewire.protocol.events import SessionStarted
from scribewire.protocol.messages import Start


def test_the_address_of_a_stream_is_not_shown() -> None:
    event = SessionStarted(
        start=Start(),
        mode="fast",
        language="en",
        endpointing_ms=None,
        diarize=True,
        url="https://x/?sig=secret",
    )

    assert "secret" not in repr(event)


def test_a_key_is_not_shown() -> None:
    event = SessionStarted(
        start=Start(key="secret"), mode="fast", language="en", endpointing_ms=None, diarize=True
    )

    assert "secret" not in repr(event)
