"""How late results were, computed from what the clients of a load have noted.

Theory of operation. Every latency is measured from a moment in the room: when a sound was heard
by a microphone that sends 100 ms at a time, never when it was in fact sent, so a server that holds
its clients back gains nothing. Where speech starts and ends is told by `utterances`, not by the
server under test. A final says how far it has heard: it belongs to the latest end of speech before
that, at most `MATCH_MS` ago. A final that has none (at a change of speaker, say) is counted and
not measured, because nobody can say when it was owed. A partial belongs to the latest utterance
that began before where the partial says that it has heard.

Only utterances that end inside the window are measured: the time in which every stream speaks.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import pairwise

import numpy as np

from scribewire.capacity.load import CHUNK_MS, Arrival, StreamRecord
from scribewire.capacity.utterances import SpokenUtterance
from scribewire.client import FinalResult

MATCH_MS = 1_000  # what a final hears of the silence after it is shorter
EARLY_MS = 300  # two voice detectors differ by less about where the same speech ends
LEAST_FOR_SLOPE = 10  # three sentences rise and fall as they like
LONG_MS = 2_000  # speech that a listener expects to see before it has ended

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")


@dataclass(frozen=True, slots=True)
class Window:
    """The time on the load's clock in which every stream speaks."""

    from_s: float
    until_s: float

    def holds(self, at_s: float) -> bool:
        """Whether the moment lies inside."""
        return self.from_s <= at_s <= self.until_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """What was measured of one stream, or of many together. Add them up."""

    first_partial_ms: tuple[int, ...] = field(default=(), repr=False)
    """From the start of speech to the first partial of its utterance."""
    word_to_partial_ms: tuple[int, ...] = field(default=(), repr=False)
    """From the end of each word of a final to the first result that showed it."""
    final_ms: tuple[int, ...] = field(default=(), repr=False)
    """Final latency: from the arrival of the last sample of the endpoint's silence."""
    speech_to_final_ms: tuple[int, ...] = field(default=(), repr=False)
    """From the end of speech, the endpoint's silence included."""
    heard_s: tuple[float, ...] = field(default=(), repr=False)
    """When the speech of each of those ended."""
    partial_gaps_ms: tuple[int, ...] = field(default=(), repr=False)
    """Speaking time without a new partial: from the start of speech or a partial to the next
    partial or the end of speech."""
    long_utterances: int = 0
    """Utterances over 2 s."""
    long_with_partial: int = 0
    """Those of them that a partial announced."""
    finals: int = 0
    """All that came, measured or not, inside the window or not."""
    unmatched_finals: int = 0
    """Those that end where no speech ends."""
    missing_finals: int = 0
    """Utterances that no final came for, where it is known what ends one."""
    disordered_finals: int = 0
    """Finals that end before the one that came before them; must be none."""
    end_lags_ms: tuple[int, ...] = field(default=(), repr=False)
    """From the last chunk of each stream to the server's last word."""
    late_sends_ms: tuple[int, ...] = field(default=(), repr=False)
    """How far behind its time each chunk was sent."""
    unfinished: int = 0
    """Streams that did not end well."""

    def __add__(self, other: Latencies) -> Latencies:
        return Latencies(
            first_partial_ms=self.first_partial_ms + other.first_partial_ms,
            word_to_partial_ms=self.word_to_partial_ms + other.word_to_partial_ms,
            final_ms=self.final_ms + other.final_ms,
            speech_to_final_ms=self.speech_to_final_ms + other.speech_to_final_ms,
            heard_s=self.heard_s + other.heard_s,
            partial_gaps_ms=self.partial_gaps_ms + other.partial_gaps_ms,
            long_utterances=self.long_utterances + other.long_utterances,
            long_with_partial=self.long_with_partial + other.long_with_partial,
            finals=self.finals + other.finals,
            unmatched_finals=self.unmatched_finals + other.unmatched_finals,
            missing_finals=self.missing_finals + other.missing_finals,
            disordered_finals=self.disordered_finals + other.disordered_finals,
            end_lags_ms=self.end_lags_ms + other.end_lags_ms,
            late_sends_ms=self.late_sends_ms + other.late_sends_ms,
            unfinished=self.unfinished + other.unfinished,
        )

    @property
    def partial_interval_ms(self) -> int | None:
        """The gap in which the middle moment of all speaking time lies; None without speech."""
        gaps = np.sort(np.array(self.partial_gaps_ms, int))
        if not gaps.sum():
            return None
        return int(gaps[np.searchsorted(np.cumsum(gaps), gaps.sum() / 2)])

    @property
    def partial_coverage(self) -> float | None:
        """The share of long utterances that a partial announced; None without any."""
        return self.long_with_partial / self.long_utterances if self.long_utterances else None

    @property
    def lag_growth(self) -> Slope | None:
        """How fast speech-to-final rises, in ms per second; None when there is too little."""
        return slope(self.heard_s, self.speech_to_final_ms)


@dataclass(frozen=True, slots=True)
class Slope:
    """How fast a value rises, per unit of time."""

    value: float
    """The median of all pairs (Theil and Sen): a few late finals are no growth."""
    low: float
    """The lower end of its 95 % interval: what it is at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Many values in four numbers."""

    count: int
    median: float
    p95: float
    p99: float
    max: float


def distribution(values: Sequence[float]) -> Distribution | None:
    """Return the percentiles of what was measured; None of nothing."""
    if not values:
        return None
    median, p95, p99, top = np.percentile(values, [50, 95, 99, 100]).tolist()
    return Distribution(count=len(values), median=median, p95=p95, p99=p99, max=top)


def slope(times: Sequence[float], values: Sequence[float]) -> Slope | None:
    """Return how the values rise with time; None for fewer than ten, or all at one time."""
    if len(times) < LEAST_FOR_SLOPE:
        return None
    at, value = np.array(times, float), np.array(values, float)
    first, second = np.triu_indices(at.size, k=1)
    apart = at[second] - at[first]
    is_apart = np.abs(apart) > 1.0  # two that ended together say nothing about time
    if not is_apart.any():
        return None
    slopes = np.sort((value[second] - value[first])[is_apart] / apart[is_apart])
    count = at.size
    spread = 1.96 * math.sqrt(count * (count - 1) * (2 * count + 5) / 18)  # of Kendall's sum
    low = slopes[max(0, int((slopes.size - spread) / 2))]
    return Slope(float(np.median(slopes)), float(low))


def measure_stream(
    record: StreamRecord, utterances: Sequence[SpokenUtterance], window: Window
) -> Latencies:
    """Judge what one client has noted against when there was speech."""
    inside = [one for one in utterances if window.holds(record.spoken_s(one.end_ms))]
    finals = [one for one in record.arrivals if isinstance(one.result, FinalResult)]
    partials = [one for one in record.arrivals if not isinstance(one.result, FinalResult)]
    offsets = [one.result.offset_ms for one in finals]
    return (
        _measure_finals(record, finals, utterances, inside)
        + _measure_partials(record, partials, utterances, inside)
        + _measure_words(record, window)
        + Latencies(
            finals=len(finals),
            disordered_finals=sum(after < before for before, after in pairwise(offsets)),
            end_lags_ms=_end_lag(record),
            late_sends_ms=tuple(
                _ms(sent_s - record.spoken_s(number * CHUNK_MS))
                for number, sent_s in enumerate(record.sent_s, start=1)
            ),
            unfinished=int(record.ended_s is None),
        )
    )


def add_up(parts: Iterable[Latencies]) -> Latencies:
    """Return all streams as one."""
    return sum(parts, Latencies())


def _measure_finals(
    record: StreamRecord,
    finals: Sequence[Arrival],
    utterances: Sequence[SpokenUtterance],
    inside: Sequence[SpokenUtterance],
) -> Latencies:
    final_ms, speech_to_final_ms, heard_s = [], [], []
    owed = list(utterances)
    for final in finals:
        utterance = _ended_before(owed, final.result.offset_ms)
        if utterance is None:
            continue
        owed.remove(utterance)
        if utterance not in inside:
            continue
        if utterance.settled_ms is not None:
            final_ms.append(_ms(final.at_s - record.due_s(utterance.settled_ms)))
        if not utterance.is_cut:
            end_s = record.spoken_s(utterance.end_ms)
            speech_to_final_ms.append(_ms(final.at_s - end_s))
            heard_s.append(end_s)
    return Latencies(
        final_ms=tuple(final_ms),
        speech_to_final_ms=tuple(speech_to_final_ms),
        heard_s=tuple(heard_s),
        unmatched_finals=len(finals) - (len(utterances) - len(owed)),
        missing_finals=sum(one in inside and one.settled_ms is not None for one in owed),
    )


def _ended_before(utterances: Sequence[SpokenUtterance], offset_ms: int) -> SpokenUtterance | None:
    ended = [one for one in utterances if one.end_ms - EARLY_MS <= offset_ms]
    return ended[-1] if ended and offset_ms - ended[-1].end_ms <= MATCH_MS else None


def _measure_partials(
    record: StreamRecord,
    partials: Sequence[Arrival],
    utterances: Sequence[SpokenUtterance],
    inside: Sequence[SpokenUtterance],
) -> Latencies:
    starts = [one.start_ms for one in utterances]
    by_utterance: dict[int, list[float]] = {}
    for partial in partials:
        index = int(np.searchsorted(starts, partial.result.offset_ms, side="left")) - 1
        by_utterance.setdefault(index, []).append(partial.at_s)
    first_partial_ms, gaps_ms = [], []
    long_utterances = long_with_partial = 0
    for index, utterance in enumerate(utterances):
        if utterance not in inside:
            continue
        shown_s = by_utterance.get(index, [])
        start_s, end_s = record.spoken_s(utterance.start_ms), record.spoken_s(utterance.end_ms)
        goes_on = index > 0 and utterances[index - 1].is_cut
        if shown_s and not goes_on:
            first_partial_ms.append(_ms(shown_s[0] - start_s))
        seen_s = [at_s for at_s in shown_s if start_s < at_s < end_s]
        gaps_ms += [_ms(after - before) for before, after in pairwise([start_s, *seen_s, end_s])]
        if utterance.end_ms - utterance.start_ms > LONG_MS:
            long_utterances += 1
            long_with_partial += bool(shown_s)
    return Latencies(
        first_partial_ms=tuple(first_partial_ms),
        partial_gaps_ms=tuple(gaps_ms),
        long_utterances=long_utterances,
        long_with_partial=long_with_partial,
    )


def _measure_words(record: StreamRecord, window: Window) -> Latencies:
    """Return how long each word waited, at most until its final."""
    delays: list[int] = []
    shown: list[Arrival] = []  # that may hold words of the next final
    for arrival in record.arrivals:
        shown.append(arrival)
        if not isinstance(arrival.result, FinalResult):
            continue
        timed = [(p, w.end_ms) for w in arrival.result.words or () for p in plain_words(w.text)]
        said = [plain for plain, _ in timed]
        first_s = _first_shown_s(said, shown)
        ends_s = [record.spoken_s(end_ms) for _, end_ms in timed]
        delays += [
            _ms(at_s - ends_s[index])
            for index, at_s in first_s.items()
            if window.holds(ends_s[index])
        ]
        # A cut lies before what partials have heard already: they have shown the next one's words.
        shown = [one for one in shown if one.result.offset_ms > arrival.result.offset_ms]
    return Latencies(word_to_partial_ms=tuple(delays))


def _first_shown_s(said: Sequence[str], shown: Sequence[Arrival]) -> dict[int, float]:
    """Return when each word that was said, by its index, was in a result for the first time."""
    first_s: dict[int, float] = {}
    for one in shown:
        words = plain_words(one.result.text)
        for block in SequenceMatcher(None, said, words, autojunk=False).get_matching_blocks():
            for index in range(block.a, block.a + block.size):
                first_s.setdefault(index, one.at_s)
    return first_s


def plain_words(text: str) -> list[str]:
    """Return the words as they are compared: no case, no marks."""
    return _WORD.findall(text.casefold().replace("\u2019", "'"))


def _end_lag(record: StreamRecord) -> tuple[int, ...]:
    if record.ended_s is None or not record.sent_s:
        return ()
    return (_ms(record.ended_s - record.spoken_s(len(record.sent_s) * CHUNK_MS)),)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
