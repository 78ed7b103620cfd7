"""Minutes of speech for one stream, joined from recordings with pauses between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.types import Samples

PAUSE_S = (0.5, 2.0)  # as between sentences of one speaker, up to a change of speaker
END_SILENCE_S = 2.0  # longer than the endpoint's silence of any mode


@dataclass(frozen=True, slots=True)
class Recording:
    """A piece of speech, and what is said in it."""

    samples: Samples = field(repr=False)
    text: str = ""
    """Empty when nobody wrote it down."""


@dataclass(frozen=True, slots=True)
class Monologue:
    """What one stream says."""

    samples: Samples = field(repr=False)
    text: str
    """Of all its recordings, in order."""

    @property
    def pcm(self) -> bytes:
        """The samples as the wire carries them."""
        scaled = np.clip(np.rint(self.samples * 32768), -32768, 32767)
        return scaled.astype("<i2").tobytes()


def join_recordings(recordings: Sequence[Recording], *, seconds: float, seed: int) -> Monologue:
    """Return whole recordings in an order of their own for each seed, exactly `seconds` long.

    None comes again before all that fit have been heard. It ends in silence, so that the last
    utterance ends like the others.
    """
    random = np.random.default_rng(seed)
    room = round((seconds - END_SILENCE_S) * SAMPLE_RATE)
    parts: list[Samples] = []
    texts: list[str] = []
    waiting: list[int] = []
    while True:
        pause = np.zeros(round(random.uniform(*PAUSE_S) * SAMPLE_RATE), np.float32)
        fitting = [k for k, one in enumerate(recordings) if one.samples.size + pause.size <= room]
        if not fitting:
            break
        if not any(k in fitting for k in waiting):
            waiting = random.permutation(len(recordings)).tolist()
        chosen = next(k for k in waiting if k in fitting)
        waiting.remove(chosen)
        parts += [pause, recordings[chosen].samples]
        texts.append(recordings[chosen].text)
        room -= pause.size + recordings[chosen].samples.size
    total = round(seconds * SAMPLE_RATE) - sum(part.size for part in parts)
    parts.append(np.zeros(total, np.float32))
    return Monologue(np.concatenate(parts), " ".join(filter(None, texts)))
