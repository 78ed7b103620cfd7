"""Every container and kind of playlist beside the same audio pushed as PCM.

What a codec changes, the recognizer may hear otherwise; so beside them stand two changes that
nobody hears, of the pushed PCM itself: a shift by 5 ms, and noise of two units of 32,768.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from bench.stream_sessions import Heard, pull, push_pcm
from bench.table import Progress, format_table
from scribewire.types import SAMPLE_RATE
from tests.parts.media import FILE_KINDS, HLS_KINDS, make_file, make_hls

if TYPE_CHECKING:
    from bench.server_process import BenchServer
    from scribewire.types import Mode
    from tests.parts.origin import Origin

LOSSLESS_PLAYLIST = "fmp4-flac"
MAX_DIFFERENT_WORDS = 2
MODES: Final[tuple[Mode, ...]] = ("fast", "quality")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    name: str
    is_lossless: bool
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityRow:
    """One kind of source, and how its transcript differs from that of the pushed audio."""

    kind: str
    is_lossless: bool
    words: int
    different_words: dict[Mode, int]
    is_identical: dict[Mode, bool]
    """Words, times, confidences and speakers."""
    error: str = ""

    @property
    def is_good(self) -> bool:
        """Whether it is as close as its codec lets it be; see the controls for `fast`."""
        if self.is_lossless:
            return all(self.is_identical.values())
        return not self.error and self.different_words["quality"] <= MAX_DIFFERENT_WORDS


async def measure_parity(
    server: BenchServer, origin: Origin, pcm: bytes, given: Sequence[str]
) -> list[ParityRow]:
    """Transcribe `pcm` in every wrapping; `given` are paths of the origin, made elsewhere."""
    pushed = {mode: await push_pcm(server, pcm, mode=mode) for mode in MODES}
    sources = [*_make_all(origin, pcm)]
    sources += [_Source(name=path, is_lossless=False, url=origin.url(path)) for path in given]
    progress = Progress("kinds of source", len(sources) + 2)
    rows = []
    for name, changed in _controls(pcm).items():
        heard = {mode: await push_pcm(server, changed, mode=mode) for mode in MODES}
        rows.append(_compare(name, heard, pushed, is_lossless=False))
        progress.advance()
    for source in sources:
        heard = {mode: await pull(server, source.url, mode=mode) for mode in MODES}
        rows.append(_compare(source.name, heard, pushed, is_lossless=source.is_lossless))
        progress.advance()
    return rows


def _make_all(origin: Origin, pcm: bytes) -> list[_Source]:
    sources = []
    for kind, made in FILE_KINDS.items():
        path = make_file(origin.folder, pcm, kind, name=kind)
        sources.append(_Source(name=kind, is_lossless=made.is_lossless, url=origin.url(path.name)))
    for kind in HLS_KINDS:
        # At the rate of the clip: another one would be a change beside the codec's.
        path = make_hls(
            origin.folder, pcm, kind, name=f"hls-{kind}", segment_s=4, rate_hz=SAMPLE_RATE
        )
        is_lossless = kind == LOSSLESS_PLAYLIST
        url = origin.url(path.name)
        sources.append(_Source(name=f"HLS {kind}", is_lossless=is_lossless, url=url))
    return sources


def _controls(pcm: bytes) -> dict[str, bytes]:
    """Return the PCM changed in ways that nobody hears."""
    samples = np.frombuffer(pcm, "<i2").astype(np.int32)
    noise = np.random.default_rng(0).integers(-2, 3, samples.size)
    noisy = np.clip(samples + noise, -32_768, 32_767).astype("<i2").tobytes()
    late = bytes(2 * SAMPLE_RATE * 5 // 1000) + pcm
    return {"(PCM, 5 ms later)": late, "(PCM with 2 units of noise)": noisy}


def _compare(
    kind: str, heard: dict[Mode, Heard], pushed: dict[Mode, Heard], *, is_lossless: bool
) -> ParityRow:
    errors = {mode: heard[mode].differs_by(pushed[mode]) for mode in MODES}
    return ParityRow(
        kind=kind,
        is_lossless=is_lossless,
        words=errors["fast"].words,
        different_words={mode: errors[mode].errors for mode in MODES},
        is_identical={mode: heard[mode].is_same_as(pushed[mode]) for mode in MODES},
        error=heard["fast"].error or heard["quality"].error,
    )


def format_parity(rows: list[ParityRow]) -> str:
    """Return the table."""
    cells = [
        [
            row.kind,
            "yes" if row.is_lossless else "no",
            *(str(row.different_words[mode]) for mode in MODES),
            "yes" if all(row.is_identical.values()) else "no",
            row.error or ("ok" if row.is_good or row.kind.startswith("(") else "TOO DIFFERENT"),
        ]
        for row in rows
    ]
    words = rows[0].words if rows else 0
    modes = [f"{mode}: of {words} words" for mode in MODES]
    return format_table(["source", "lossless", *modes, "identical", ""], cells)
