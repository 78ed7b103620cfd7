from __future__ import annotations

from scribewire.protocol.scriptix.messages import Start


def test_a_key_is_not_shown() -> None:
    assert "secret" not in repr(Start(key="secret"))
