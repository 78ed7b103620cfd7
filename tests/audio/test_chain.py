"""Chained Ogg, as stations send it: a link for each song, of whatever encoder plays it."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from scribewire.errors import ClientFault
from tests.audio.test_decoder_process import decode, read_file
from tests.audio.test_ogg import OPUS, THEORA, VORBIS
from tests.audio.test_ogg import link as make_link
from tests.parts.installed import need_part
from tests.parts.media import run_ffmpeg

LINK_S = 0.6
CODECS = {"libvorbis": (), "libopus": (), "flac": (), "libspeex": ()}
KINDS = list(product(CODECS, (16_000, 44_100), (1, 2)))

pytestmark = pytest.mark.slow  # ffmpeg encodes


def encode(codec: str, rate_hz: int, channels: int, seconds: float = LINK_S) -> bytes:
    need_part("ffmpeg")
    rate_hz = (
        48_000 if codec == "libopus" else min(rate_hz, 32_000 if codec == "libspeex" else 1 << 20)
    )
    tone = f"sine=f=500:r={rate_hz}:d={seconds}"
    arguments = ("-f", "lavfi", "-i", tone, "-ac", str(channels), "-ar", str(rate_hz))
    return run_ffmpeg((*arguments, "-c:a", codec, "-f", "ogg", "pipe:1"))


def every_pair(count: int) -> list[int]:
    """Return an order in which each of so many follows each one, itself included."""
    left = {one: list(range(count)) for one in range(count)}
    walk, found = [0], list[int]()
    while walk:
        if left[walk[-1]]:
            walk.append(left[walk[-1]].pop())
        else:
            found.append(walk.pop())
    return found


def read(data: bytes) -> np.ndarray:
    return np.frombuffer(read_file(data), "<i2").astype(np.float32) / 32_768


def test_every_link_is_heard_whatever_was_before_it() -> None:
    links = [encode(*kind) for kind in KINDS]
    order = every_pair(len(links))
    samples = read(b"".join(links[one] for one in order))

    assert samples.size / 16_000 == pytest.approx(LINK_S * len(order), rel=0.06)
    # Each is a tone, so that nowhere there is silence as long as a link.
    loudness = np.abs(samples[: samples.size // 1600 * 1600]).reshape(-1, 1600).max(axis=1)
    silent = "".join("." if level > 0.01 else "x" for level in loudness)
    assert "xxx" not in silent


def test_a_stream_that_cannot_be_gone_back_in_gives_the_same() -> None:
    data = b"".join(encode(*kind) for kind in (KINDS[0], KINDS[5], KINDS[10], KINDS[15]))
    said = decode(data)

    assert said.refusal is None
    assert len(said.pcm) == 2 * read(data).size


UNHEARD = {
    "without a decoder": make_link(THEORA, 25),
    "broken": make_link(OPUS, 48_000),
    "broken heads": make_link(VORBIS, 44_100),
}


@pytest.mark.parametrize("name", UNHEARD)
def test_a_link_that_cannot_be_heard_is_missing_time(name: str) -> None:
    before, after = encode("libopus", 48_000, 1), encode("flac", 16_000, 2)
    said = decode(before + UNHEARD[name] + after)
    heard_s = len(said.pcm) / 32_000

    assert said.refusal is None
    assert heard_s == pytest.approx(2 * LINK_S, abs=0.1)
    # Nobody knows how long pictures are.
    assert sum(said.gaps_s) == pytest.approx(0.0 if name == "without a decoder" else 3.0, abs=0.1)


def test_where_the_last_link_cannot_be_heard_its_time_is_told() -> None:
    said = decode(encode("libopus", 48_000, 1) + UNHEARD["broken"])

    assert sum(said.gaps_s) == pytest.approx(3.0, abs=0.1)


def test_links_without_end_and_without_sound_are_given_up() -> None:
    said = decode(encode("flac", 16_000, 1) + UNHEARD["without a decoder"] * 30)

    assert said.refusal is not None
    assert "from second 0.6 on it cannot be decoded" in said.refusal.words


def test_what_gives_no_sound_at_all_is_refused() -> None:
    with pytest.raises(ClientFault):
        read(UNHEARD["broken"] * 2)
