"""Where one speaker hands over to another inside an utterance.

Theory of operation. Short pauses do not end an utterance, so a quick answer comes to lie in the
same one as its question. While an utterance grows it is therefore looked at every few seconds,
and once more when it settles, always at fixed positions of the stream: a change is where a voice
that has spoken for a while is followed by another one that speaks for a while. Shorter
turns are not trusted: a laugh, an echo or the edge of the window looks the same.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scribewire.recognition.checkpoint import BEGINNING, WatcherState
from scribewire.recognition.requests import MAX_TURN_SAMPLES
from scribewire.types import Span, ms_to_samples

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scribewire.recognition.requests import Turn, TurnResult

# Of 956 s of single speakers in 165 clips, 0.7 s finds two false changes, both where digits of
# separate recordings were joined; 0.5 s finds four.
MIN_TURN_SAMPLES = ms_to_samples(700)

# Each look costs 25 ms; a change is found this much later at most. On 612 s of conversations 3 s
# finds the same changes with 40 % more looks.
LOOK_INTERVAL_SAMPLES = ms_to_samples(5000)


@dataclass(frozen=True, slots=True)
class SpeakerChanged:
    """The utterance ends, and the next one begins, because another speaker does."""

    end: int
    """Where in the stream the one stops."""
    start: int
    """Where in the stream the other begins, not before `end`."""


class TurnWatcher:
    """Decide when to look for a change of speaker in the open utterance, and where it is."""

    def __init__(self, state: WatcherState = BEGINNING.segmenter.watcher) -> None:
        self._start = state.start  # where the present speaker's speech begins
        self._looked_to = state.looked_to  # position up to which the utterance was looked at

    @property
    def state(self) -> WatcherState:
        """What another one goes on from."""
        return WatcherState(start=self._start, looked_to=self._looked_to)

    def begin(self, speech_start: int) -> None:
        """Watch a new utterance, or what is left of one after a change."""
        self._start = self._looked_to = speech_start

    def due_window(self, end: int, *, is_settled: bool) -> Span | None:
        """Return what to look at now that the utterance reaches to `end`, or None."""
        least = MIN_TURN_SAMPLES if is_settled else LOOK_INTERVAL_SAMPLES
        if end - self._looked_to < least or end - self._start < 2 * MIN_TURN_SAMPLES:
            return None
        return Span(max(self._start, end - MAX_TURN_SAMPLES), end)

    def find_change(self, window: Span, result: TurnResult) -> SpeakerChanged | None:
        """Return the first change in `window`; without one it counts as looked at."""
        self._looked_to = window.end
        long = [turn for turn in _join(result.turns) if turn.net >= MIN_TURN_SAMPLES]
        for one, other in itertools.pairwise(long):
            if one.voice != other.voice:
                return SpeakerChanged(window.start + one.end, window.start + other.start)
        return None


@dataclass(slots=True)
class _Speech:
    """What one voice says with nobody between, pauses included."""

    voice: int
    start: int
    end: int
    net: int  # samples without the pauses


def _join(turns: Iterable[Turn]) -> list[_Speech]:
    speeches: list[_Speech] = []
    for turn in turns:
        length = turn.end - turn.start
        if speeches and speeches[-1].voice == turn.voice:
            speeches[-1].end = turn.end
            speeches[-1].net += length
        else:
            speeches.append(_Speech(turn.voice, turn.start, turn.end, length))
    return speeches
