"""Subtitles cut out of finals: words with their times in, cues out, without any format's marks.

Theory of operation. A cue is at most 2 lines of 42 characters, stays for 1 to 7 s, and never
overlaps another. Of all ways to cut a final into such cues the one is taken that breaks at the
ends of sentences, then of clauses, then at pauses (`_split`, dynamic programming). The latest
cue is held back until the next is known: it stays until it can be read where there is room, and
a very short one is joined with what follows. Where words come faster than cues may, the cues
come late; they catch up in the next pause.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from scribewire.types import Word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scribewire.protocol.results import FinalResult

MAX_LINES: Final = 2
MAX_LINE_CHARS: Final = 42
MIN_CUE_MS: Final = 1000
MAX_CUE_MS: Final = 7000
READ_CHARS_PER_S: Final = 20  # adults read as fast; a cue stays that long where there is room
PAUSE_MS: Final = 300  # heard as a pause: a good place for a break
LONG_PAUSE_MS: Final = 1500  # nobody waits for the rest of a cue as long
WORD_MS: Final = 350  # of a word whose times were not measured

_CUE_COST = 6  # of one cue more
_SHORT_COST = 8  # of a cue that must be stretched
_PLAIN_COST = 10  # of a break inside a phrase
_CLAUSE_COST = 4
_PAUSE_GAIN = 6

_SENTENCE_ENDS = ".?!\N{HORIZONTAL ELLIPSIS}"
_CLAUSE_ENDS = ",;:\N{EN DASH}\N{EM DASH}"
_CLOSING = "\"')]\N{RIGHT DOUBLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}"


@dataclass(frozen=True, slots=True)
class Cue:
    """One picture of a subtitle."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]
    speaker: str | None = None


class CueBuilder:
    """Makes the cues of a stream out of its finals, in order.

    With labels, `Speaker 1: ` stands in the text where another one begins to speak.
    """

    def __init__(self, *, labels: bool = False) -> None:
        self._labels = labels
        self._labelled: str | None = None  # whose label came last
        self._held: list[Word] = []  # the latest cue's words
        self._speaker: str | None = None  # who says them
        self._heard_ms = 0  # no word begins before
        self._decoded_ms = 0  # by the latest final
        self._free_ms = 0  # no cue may begin before

    def receive(self, final: FinalResult) -> list[Cue]:
        """Take the next final; return the cues that are now known."""
        words = _in_order(self._label(_words_of(final, self._decoded_ms), final), self._heard_ms)
        self._decoded_ms = final.offset_ms
        if not words:
            return []
        self._heard_ms = words[-1].start_ms
        cues = []
        if self._held and final.speaker == self._speaker and _belongs(self._held, words[0]):
            words = [*self._held, *words]
        elif self._held:
            cues.append(self._place(self._held, words[0].start_ms))
        self._speaker = final.speaker
        groups = _split(words)
        cues += [self._place(one, after[0].start_ms) for one, after in pairwise(groups)]
        self._held = groups[-1]
        return cues

    def finish(self) -> list[Cue]:
        """Return what was held back: nothing more comes."""
        held, self._held = self._held, []
        return [self._place(held, None)] if held else []

    def _label(self, words: list[Word], final: FinalResult) -> list[Word]:
        if not words or not self._labels or final.speaker in (None, self._labelled):
            return words
        self._labelled = final.speaker
        return [replace(words[0], text=f"{final.speaker}: {words[0].text}"), *words[1:]]

    def _place(self, words: Sequence[Word], next_ms: int | None) -> Cue:
        """Return the cue of these words, given when the next one begins."""
        lines = _wrap([word.text for word in words])
        assert lines is not None, "a group is made to fit"
        start_ms = max(words[0].start_ms, self._free_ms)
        spoken_ms = max(words[-1].end_ms, start_ms + MIN_CUE_MS)
        read_ms = start_ms + 1000 * sum(map(len, lines)) // READ_CHARS_PER_S
        room_ms = read_ms if next_ms is None else next_ms
        end_ms = max(spoken_ms, min(read_ms, room_ms))
        if next_ms is not None and next_ms >= start_ms + MIN_CUE_MS:
            end_ms = min(end_ms, next_ms)
        self._free_ms = min(end_ms, start_ms + MAX_CUE_MS)
        return Cue(start_ms, self._free_ms, lines, self._speaker)


def _words_of(final: FinalResult, after_ms: int) -> list[Word]:
    """Return the final's words, with times guessed from its end where none were measured."""
    if final.words is not None:
        return [word for word in final.words if word.text.strip()]
    texts = final.text.split()
    begin_ms = max(min(after_ms, final.offset_ms), final.offset_ms - WORD_MS * len(texts))
    step_ms = (final.offset_ms - begin_ms) / max(1, len(texts))
    edges = [round(begin_ms + step_ms * number) for number in range(len(texts) + 1)]
    return [
        Word(text=text, start_ms=edges[at], end_ms=edges[at + 1], confidence=0.0)
        for at, text in enumerate(texts)
    ]


def _in_order(words: list[Word], after_ms: int) -> list[Word]:
    """Return words that fit on a line each, none before the one before it."""
    ordered = []
    for word in words:
        start_ms = after_ms = max(word.start_ms, after_ms)
        text, end_ms = " ".join(word.text.split()), max(word.end_ms, start_ms)
        ordered += [
            replace(word, text=part, start_ms=start_ms, end_ms=end_ms)
            for at in range(0, len(text), MAX_LINE_CHARS)
            if (part := text[at : at + MAX_LINE_CHARS].strip())
        ]
    return ordered


def _belongs(held: Sequence[Word], word: Word) -> bool:
    """Tell whether a cue is too short to stand alone before this word."""
    is_close = word.start_ms - held[-1].end_ms < LONG_PAUSE_MS
    return is_close and word.start_ms - held[0].start_ms < MIN_CUE_MS


# Where to break.


def _split(words: Sequence[Word]) -> list[list[Word]]:
    """Cut words into groups, each fit for one cue, at the best places."""
    costs = [0.0]  # of the best way to cut the first words, by how many
    begins = [0]  # where its last group begins
    for end in range(1, len(words) + 1):
        best, begin = min(_ways(words, end, costs))
        costs.append(best)
        begins.append(begin)
    groups = []
    end = len(words)
    while end:
        groups.append(list(words[begins[end] : end]))
        end = begins[end]
    return groups[::-1]


def _ways(words: Sequence[Word], end: int, costs: Sequence[float]) -> list[tuple[float, int]]:
    """Return (cost, begin) of each group that may end here."""
    broken = 0 if end == len(words) else _break_cost(words[end - 1], words[end])
    ways = []
    for begin in range(end - 1, -1, -1):
        group = words[begin:end]
        if len(group) > 1 and not _fits(group):
            break
        is_short = group[-1].end_ms - group[0].start_ms < MIN_CUE_MS
        ways.append((costs[begin] + broken + _CUE_COST + _SHORT_COST * is_short, begin))
    return ways


def _fits(group: Sequence[Word]) -> bool:
    if group[-1].end_ms - group[0].start_ms > MAX_CUE_MS:
        return False
    if group[1].start_ms - group[0].end_ms >= LONG_PAUSE_MS:  # the others were looked at before
        return False
    return _wrap([word.text for word in group]) is not None


def _break_cost(before: Word, after: Word) -> int:
    is_pause = after.start_ms - before.end_ms >= PAUSE_MS
    return max(0, _phrase_cost(before.text) - _PAUSE_GAIN * is_pause)


def _phrase_cost(text: str) -> int:
    """Return what a break after this text costs the reader."""
    end = text.rstrip(_CLOSING)[-1:] or "none"  # the empty string is in every other
    if end in _SENTENCE_ENDS:
        return 0
    return _CLAUSE_COST if end in _CLAUSE_ENDS else _PLAIN_COST


def _wrap(texts: Sequence[str]) -> tuple[str, ...] | None:
    """Return the lines of a cue, broken at the best place; None: they do not fit."""
    whole = " ".join(texts)
    if len(whole) <= MAX_LINE_CHARS:
        return (whole,)
    if len(whole) > MAX_LINES * MAX_LINE_CHARS + 1:
        return None
    ways = []
    for at in range(1, len(texts)):
        lines = " ".join(texts[:at]), " ".join(texts[at:])
        if max(map(len, lines)) <= MAX_LINE_CHARS:
            unbalance = abs(len(lines[0]) - len(lines[1]))
            ways.append((unbalance + _phrase_cost(texts[at - 1]), lines))
    return min(ways)[1] if ways else None
