"""Number the voices of one stream as they appear.

Theory of operation. A voice is a direction: the embedding of t seconds of speech points there
with an error that shrinks with t, so two stretches of one speaker are expected to have the cosine

    1 / sqrt((1 + k / t1) (1 + k / t2))        k = 1.5 s, measured on pieces of 0.5 to 6 s

and different speakers one near 0. What is found is compared with what would be expected: near it
the speaker is the same, far below it somebody else, in between nobody can tell, and saying nothing
is better than saying something wrong. What has been said is never changed; but what could not be
told is kept for a while, and once a second stretch sounds like it the two make a speaker, whose
number this second stretch is the first to carry. Too little speech never makes one by itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scribewire.recognition.checkpoint import BEGINNING, KnownSpeakers, KnownVoice
from scribewire.types import SAMPLE_RATE, ms_to_samples

if TYPE_CHECKING:
    from scribewire.types import Vector

MIN_VOICE_SAMPLES = ms_to_samples(400)  # of less, not even a known speaker is recognized
FIRST_VOICE_SAMPLES = ms_to_samples(1200)  # of this much, a well-known speaker is
MAX_VOICE_SAMPLES = ms_to_samples(3000)  # of this much, more no longer changes the answer
HALF_SURE_S = 1.5  # k above
MAX_HISTORY_S = 60.0  # older speech fades: voices tire, microphones are moved
MAX_UNKNOWN = 8  # stretches that nobody could be told for, the oldest forgotten first
_NUMBER = np.dtype("<f4")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerRules:
    """When two stretches of speech are one speaker. Ratios are of found to expected cosine."""

    same_ratio: float = 0.5
    """At or above it, the speaker is the same."""
    new_ratio: float = 0.38
    """Below it with every speaker so far, somebody new is speaking."""
    min_cosine: float = 0.24
    """Never the same below it: nearly all pairs of different speakers lie there."""
    min_margin: float = 0.06
    """How much more a voice must resemble one speaker than every other."""
    clear_ratio: float = 0.65
    """At or above it, with `clear_margin` and `clear_history_s`, more speech changes nothing."""
    clear_margin: float = 0.15
    clear_history_s: float = 3.0
    learn_ratio: float = 0.55
    """At or above it, the stretch also adds to what is known of its speaker."""
    min_new_s: float = 1.2
    """Less speech makes nobody new by itself who resembles anybody at all."""
    stranger_ratio: float = 0.05
    """Below it with every speaker so far, less speech is enough."""
    min_stranger_s: float = 0.7
    """Less speech makes nobody new at all, not even the stream's first speaker."""
    max_speakers: int = 16
    """Memory and the time that a decision takes stay bounded; later ones stay unnamed."""


@dataclass(slots=True, eq=False)
class _Voice:
    """What is known of one voice."""

    total: Vector  # the sum of its unit vectors, each by its seconds
    seconds: float

    @classmethod
    def of(cls, known: KnownVoice) -> _Voice:
        total = np.frombuffer(known.total, _NUMBER).astype(np.float32)
        return cls(total, known.seconds)

    @property
    def known(self) -> KnownVoice:
        return KnownVoice(total=self.total.astype(_NUMBER).tobytes(), seconds=self.seconds)

    @property
    def direction(self) -> Vector:
        return self.total / np.float32(np.linalg.norm(self.total))

    def cosine(self, vector: Vector) -> float:
        return float(self.direction @ vector)

    def ratio(self, vector: Vector, seconds: float) -> float:
        """Return the cosine in parts of what one speaker's would be."""
        return self.cosine(vector) / expected_cosine(seconds, self.seconds)

    def learn(self, vector: Vector, seconds: float) -> None:
        keep = min(1.0, (MAX_HISTORY_S - seconds) / self.seconds)
        self.total = self.total * np.float32(keep) + vector * np.float32(seconds)
        self.seconds = self.seconds * keep + seconds


class SpeakerTracker:
    """Tell which speaker of one stream speaks, from the embeddings of its utterances."""

    def __init__(
        self,
        rules: SpeakerRules | None = None,
        known: KnownSpeakers = BEGINNING.transcript.speakers,
    ) -> None:
        self._rules = rules or SpeakerRules()
        self._earlier = known.earlier  # of whom nothing is known any more
        # The first is the one after them.
        self._speakers = [_Voice.of(one) for one in known.speakers]
        self._unknown = [_Voice.of(one) for one in known.unknown]  # not told, oldest first

    @property
    def known(self) -> KnownSpeakers:
        """What another one goes on from."""
        return KnownSpeakers(
            speakers=tuple(one.known for one in self._speakers),
            unknown=tuple(one.known for one in self._unknown),
            earlier=self._earlier,
        )

    def identify(self, vector: Vector, samples: int) -> int | None:
        """Return the number of the speaker of so much speech, from 1; None when undecided.

        Utterances come in their order; `vector` has unit length, or zero for too little speech.
        """
        if not vector.any():
            return None
        seconds = samples / SAMPLE_RATE
        number = self._recognize(vector, seconds)
        if number is None and self._is_new(vector, seconds):
            number = self._add(_Voice(vector * np.float32(seconds), seconds))
        elif number is None:
            number = self._remember(vector, seconds)
        return None if number is None else number + self._earlier

    def is_clear(self, vector: Vector, samples: int) -> bool:
        """Return whether more of the same speech would not change what `identify` says."""
        if not self._speakers:
            return False
        rules, seconds = self._rules, samples / SAMPLE_RATE
        *others, best = sorted(self._speakers, key=lambda speaker: speaker.cosine(vector))
        margin = best.cosine(vector) - max((o.cosine(vector) for o in others[-1:]), default=-1.0)
        is_known = best.seconds >= rules.clear_history_s
        return (
            is_known
            and best.ratio(vector, seconds) >= rules.clear_ratio
            and margin >= rules.clear_margin
        )

    def _recognize(self, vector: Vector, seconds: float) -> int | None:
        if not self._speakers:
            return None
        rules = self._rules
        cosines = [speaker.cosine(vector) for speaker in self._speakers]
        best = int(np.argmax(cosines))
        others = max(cosines[:best] + cosines[best + 1 :], default=-1.0)
        if cosines[best] - others < rules.min_margin or not self._is_same(
            self._speakers[best], vector, seconds
        ):
            return None
        if self._speakers[best].ratio(vector, seconds) >= rules.learn_ratio:
            self._speakers[best].learn(vector, seconds)
        return best + 1

    def _is_same(self, voice: _Voice, vector: Vector, seconds: float) -> bool:
        rules = self._rules
        is_near = voice.ratio(vector, seconds) >= rules.same_ratio
        return is_near and voice.cosine(vector) >= rules.min_cosine

    def _is_new(self, vector: Vector, seconds: float) -> bool:
        rules = self._rules
        if seconds < rules.min_stranger_s:
            return False
        limit = rules.new_ratio if seconds >= rules.min_new_s else rules.stranger_ratio
        return all(speaker.ratio(vector, seconds) < limit for speaker in self._speakers)

    def _remember(self, vector: Vector, seconds: float) -> int | None:
        """Keep what could not be told; a voice that comes again becomes a speaker."""
        for voice in self._unknown:
            if self._is_same(voice, vector, seconds):
                voice.learn(vector, seconds)
                if not self._is_new(voice.direction, voice.seconds):
                    return None
                self._unknown.remove(voice)
                return self._add(voice)
        stranger = _Voice(vector * np.float32(seconds), seconds)
        self._unknown = [*self._unknown, stranger][-MAX_UNKNOWN:]
        return None

    def _add(self, voice: _Voice) -> int | None:
        if len(self._speakers) >= self._rules.max_speakers:
            return None
        self._speakers.append(voice)
        return len(self._speakers)


def expected_cosine(seconds: float, other_seconds: float) -> float:
    """Return the cosine that stretches of one speaker have, half of the time."""
    return 1 / math.sqrt((1 + HALF_SURE_S / seconds) * (1 + HALF_SURE_S / other_seconds))
