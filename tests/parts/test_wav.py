from __future__ import annotations

import io
import wave

import pytest

from tests.parts.wav import FOREVER, wav


@pytest.mark.parametrize(
    ("channels", "bits", "rate_hz"), [(1, 16, 16_000), (2, 24, 44_100), (32, 16, 8_000)]
)
def test_it_is_what_the_standard_library_writes(channels: int, bits: int, rate_hz: int) -> None:
    pcm = bytes(channels * bits // 8 * 10)
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((channels, bits // 8, rate_hz, 0, "NONE", ""))
        writer.writeframes(pcm)

    assert wav(pcm, channels=channels, bits=bits, rate_hz=rate_hz) == file.getvalue()


def test_its_length_may_be_a_lie() -> None:
    endless = wav(b"\1\2", size=FOREVER)

    assert endless[4:8] == endless[40:44] == b"\xff\xff\xff\xff"
    assert endless[44:] == b"\1\2"
