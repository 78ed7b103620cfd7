"""Media that have come to harm, in a way that is known."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import av

if TYPE_CHECKING:
    from collections.abc import Iterable


def blank_packets(data: bytes, numbers: Iterable[int]) -> bytes:
    """Overwrite some packets of a file with what no decoder takes, counted from 0."""
    with av.open(io.BytesIO(data), "r") as container:
        packets = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
    broken = bytearray(data)
    for number in numbers:
        at = data.index(packets[number])
        broken[at : at + len(packets[number])] = b"\xff" * len(packets[number])
    return bytes(broken)
