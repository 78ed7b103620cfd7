from __future__ import annotations

import pytest

pytest.importorskip("psutil", reason="the bench set is not installed")

from bench.live_sherpa import split_entries


def test_a_vocabulary_is_cut_into_its_tokens() -> None:
    long = b"x" * 300

    data = b"\x02ab" + b"\x00" + bytes([300 % 128 + 128, 300 // 128]) + long

    assert list(split_entries(data)) == [b"ab", b"", long]
