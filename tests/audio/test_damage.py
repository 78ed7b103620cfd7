"""Files that came to harm, of every kind that stream mode reads: nothing lost without a word."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pytest

from tests.audio.test_decoder_process import Said, decode
from tests.parts.installed import need_part
from tests.parts.media import FILE_KINDS, make_file

SECONDS = 8
WITHOUT_A_CLOCK = {"mp3", "aac", "avi", "avi-picture"}
"""Their frames follow each other, and what stands between two of them says no time."""
TELL_THEIR_LENGTH = {"flac", "alac", "m4a", "mp4", "webm"}

pytestmark = pytest.mark.slow  # ffmpeg encodes, and each case starts processes


@pytest.fixture(autouse=True)
def _ffmpeg() -> None:
    need_part("ffmpeg")


def make(kind: str, folder: Path) -> bytes:
    noise = np.random.default_rng(0).normal(size=SECONDS * 16_000) * 3000
    return make_file(folder, noise.clip(-20_000, 20_000).astype("<i2").tobytes(), kind).read_bytes()


def told_s(said: Said) -> float:
    return len(said.pcm) / 32_000 + sum(said.gaps_s)


def harm(data: bytes, seed: int) -> tuple[bytes, float]:
    """Overwrite some bytes in the middle; return how much of the time that may be, too."""
    chance = random.Random(seed)
    size = min(chance.choice([300, 3000, len(data) // 10]), len(data) // 10)
    at = chance.randrange(len(data) // 3, len(data) // 2)
    other = chance.choice([bytes(size), chance.randbytes(size)])
    return data[:at] + other + data[at + size :], SECONDS * size / len(data)


@pytest.mark.parametrize("kind", FILE_KINDS)
def test_what_is_heard_and_what_is_told_missing_make_the_length(kind: str, tmp_path: Path) -> None:
    data = make(kind, tmp_path)
    whole_s = told_s(decode(data))
    for seed in range(2):
        broken, harmed_s = harm(data, seed)
        said = decode(broken)

        assert said.refusal is None
        lost_s = harmed_s + 0.15 if kind in WITHOUT_A_CLOCK else 0.15
        assert -lost_s <= told_s(said) - whole_s <= 0.15


@pytest.mark.parametrize("kind", sorted(TELL_THEIR_LENGTH))
def test_what_ends_too_soon_says_at_which_second(kind: str, tmp_path: Path) -> None:
    data = make(kind, tmp_path)
    said = decode(data[: len(data) * 6 // 10])

    assert said.refusal is not None
    found = re.fullmatch(r"it ends at second (\d\.\d), though it says 8\.0", said.refusal.words)
    assert found is not None
    assert float(found[1]) == pytest.approx(told_s(said), abs=0.15)
