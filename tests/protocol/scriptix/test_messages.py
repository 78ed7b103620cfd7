from __future__ import annotations

from scribewire.protocol.scriptix.messages import Start


def test_a_key_is_not_shown() -> None:
    assert repr(Start(key="secret")) == "Start(partial=True, actual_numbers=False)"
