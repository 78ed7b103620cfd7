"""When each word of a known text is said, from pocketsphinx: a yardstick for word times.

Theory of operation. A forced aligner is told the words and finds the best way of saying them
through the audio. Words outside its dictionary are left out of what it is told; what is said
there falls to their neighbours, so the sides that face one are no measure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

FRAME_MS = 10

# With its usual beams the aligner loses the way in one of twelve clips of LibriSpeech and is a
# second off from there on; with these, twice as wide changes nothing. Its second pass drops the
# last word when beams are wide.
_WIDE = {
    "beam": 1e-100,
    "pbeam": 1e-100,
    "wbeam": 1e-80,
    "lpbeam": 1e-80,
    "lponlybeam": 1e-80,
    "bestpath": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignedWord:
    """A word of the reference with its place in the clip."""

    text: str
    """In small letters, as the dictionary writes it."""
    start_ms: int
    end_ms: int
    is_start_known: bool
    """False where an unknown word stands before it."""
    is_end_known: bool
    """False where an unknown word stands behind it."""


class ForcedAligner:
    """The American English model that comes with pocketsphinx."""

    def __init__(self) -> None:
        # Only the bench set holds it, and the arithmetic of this module is tested without it.
        from pocketsphinx import Decoder  # noqa: PLC0415

        self._decoder = Decoder(lm=None, loglevel="FATAL", **_WIDE)

    def align(self, text: str, pcm: bytes) -> list[AlignedWord]:
        """Return the known words of `text` in the recording, or nothing when they do not fit."""
        words = plain_words(text)
        places = [place for place, word in enumerate(words) if self._knows(word)]
        if not places:
            return []
        self._decoder.set_align_text(" ".join(words[place] for place in places))
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()
        found = [
            segment
            for segment in (self._decoder.seg() if self._decoder.hyp() else ())
            if segment.word[0] not in "<[+"  # silence and noises
        ]
        if len(found) != len(places):
            return []
        known = set(places)
        return [
            AlignedWord(
                text=words[place],
                start_ms=segment.start_frame * FRAME_MS,
                end_ms=(segment.end_frame + 1) * FRAME_MS,
                is_start_known=place == 0 or place - 1 in known,
                is_end_known=place == len(words) - 1 or place + 1 in known,
            )
            for place, segment in zip(places, found, strict=True)
        ]

    def _knows(self, word: str) -> bool:
        return self._decoder.lookup_word(word) is not None


def plain_words(text: str) -> list[str]:
    """Return the words in small letters, without punctuation but the apostrophe."""
    return re.sub(r"[^a-z' ]", " ", text.lower().replace("\u2019", "'")).split()
