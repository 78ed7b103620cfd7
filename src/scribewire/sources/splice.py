"""Join a live source that was lost to what comes of it later: nothing twice, and times stay true.

Theory of operation. A radio server sends whoever connects the last seconds once more, so a listener
who was cut off and comes back at once may have missed nothing. What is fresh is searched for the
end of what was heard, by normalised cross-correlation: the same stream decodes to almost the same
samples. Where it is found, the audio simply goes on behind it. Where it is not, the source was
silent to us for a time, and that time is what passed less what came at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scribewire.types import PCM_BYTES_PER_S, SAMPLE_RATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

TAILS_S = (1.0, 0.5, 0.25)
"""So much of what was heard last is searched for: less where less of it is sent once more."""
MIN_LIKENESS = 0.9
"""Correlation of the same stream decoded twice is above 0.99; of other speech below 0.5."""
MIN_SHARE = 0.1
"""Of the tail must be louder than that: a click in silence is like any other."""
BESIDE_SAMPLES = SAMPLE_RATE // 50
"""Further from the place that is most like it, no other may be: a hum is like itself all along."""
MAX_JITTER_S = 1.0
"""Audio that goes on has grown by the time that passed; a jingle that is played again has not."""
MIN_RMS = 10.0
"""Of the differences, of 32,768: below this there is only silence, which is like any other."""


@dataclass(frozen=True, slots=True)
class Joint:
    """How fresh audio follows what was heard."""

    pcm: bytes
    """What of it is new."""
    gap_s: float
    """So long nothing was heard in between."""


class Splice:
    """The end of what was heard of one live source."""

    def __init__(self) -> None:
        self._tail = b""

    def note_heard(self, pcm: bytes) -> None:
        """Remember the end of what was heard."""
        self._tail = (self._tail + pcm)[-round(TAILS_S[0] * PCM_BYTES_PER_S) :]

    def join(self, fresh: bytes, passed_s: float) -> Joint:
        """Return how `fresh` follows, which has come by `passed_s` after the last was heard."""
        # Only there may it be, and to search all of half a minute takes a tenth of a second.
        until = len(fresh) - _bytes(max(passed_s - MAX_JITTER_S, 0.0))
        for tail_s in TAILS_S:
            start = max(len(fresh) - _bytes(passed_s + MAX_JITTER_S + tail_s), 0)
            found = find_end(self._tail, fresh[start : max(until, 0)], tail_s)
            if found is not None:
                return Joint(fresh[start + found :], 0.0)
        return Joint(fresh, max(passed_s - _seconds(fresh), 0.0))


def _seconds(pcm: bytes) -> float:
    return len(pcm) / PCM_BYTES_PER_S


def _bytes(seconds: float) -> int:
    return 2 * round(seconds * SAMPLE_RATE)


def find_end(heard: bytes, fresh: bytes, tail_s: float) -> int | None:
    """Return the byte of `fresh` behind the one place that is like the end of `heard`, if any.

    The end is `tail_s` seconds long.
    """
    size = round(tail_s * SAMPLE_RATE)
    tail, audio = _differences(heard)[-size:], _differences(fresh)
    if tail.size < size or audio.size < tail.size:
        return None
    energy = float(tail @ tail)
    is_empty = np.count_nonzero(np.abs(tail) >= MIN_RMS) < MIN_SHARE * tail.size
    if is_empty or energy < tail.size * MIN_RMS**2:
        return None
    width = 1 << (audio.size + tail.size - 1).bit_length()
    spectrum = np.fft.rfft(audio, width) * np.conj(np.fft.rfft(tail, width))
    products = np.fft.irfft(spectrum, width)[: audio.size - tail.size + 1]
    sums = np.concatenate([[0.0], np.cumsum(np.square(audio, dtype=np.float64))])
    energies = sums[tail.size :] - sums[: -tail.size]
    likeness = products / np.sqrt(np.maximum(energies, 1.0) * energy)
    best = int(np.argmax(likeness))
    if likeness[best] < MIN_LIKENESS:
        return None
    likeness[max(best - BESIDE_SAMPLES, 0) : best + BESIDE_SAMPLES] = 0
    return None if likeness.max() >= MIN_LIKENESS else 2 * (best + tail.size)


def _differences(pcm: bytes) -> NDArray[np.float32]:
    """Return by how much each sample differs from the one before: a hum is like any other."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    return np.diff(samples, prepend=samples[:1])
