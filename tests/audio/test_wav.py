from __future__ import annotations

import struct

import pytest

from scribewire.audio.pcm import PcmFormat
from scribewire.audio.wav import check_form, parse_format
from scribewire.errors import ClientFault


def test_the_form_says_in_which_order_its_bytes_are() -> None:
    assert check_form(b"RIFF\0\0\0\0WAVE") == "<"
    assert check_form(b"RIFX\0\0\0\0WAVE") == ">"
    with pytest.raises(ClientFault, match="'AVI '"):
        check_form(b"RIFF\0\0\0\0AVI ")


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_format_is_read_in_its_order(order: str) -> None:
    chunk = struct.pack(f"{order}HHIIHH", 1, 2, 44_100, 0, 6, 24)

    assert parse_format(chunk, order) == PcmFormat(
        encoding="s24", channels=2, rate_hz=44_100, is_big_endian=order == ">"
    )
