from __future__ import annotations

import pytest

from scribewire.protocol.dialogue import MAX_REASON_BYTES, Close

REASONS = [
    # message, reason
    ("", ""),
    ("unknown token", "unknown token"),
    ("a" * 123, "a" * 123),
    ("a" * 124, "a" * 123),
    ("a" * 122 + "é", "a" * 122),  # a character is not cut in two
    ("\ud800", "?"),
]


@pytest.mark.parametrize(("message", "reason"), REASONS)
def test_a_reason_fits_into_a_close_frame(message: str, reason: str) -> None:
    close = Close.because(1008, message)

    assert close == Close(1008, reason)
    assert len(close.reason.encode()) <= MAX_REASON_BYTES
