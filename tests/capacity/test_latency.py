"""A stream that began at 100 s: speech from 1 to 4 s and from 6 to 7 s, settled 0.5 s later."""

from __future__ import annotations

import pytest

from scribewire.capacity.latency import (
    Distribution,
    Latencies,
    Slope,
    Window,
    add_up,
    distribution,
    measure_stream,
    slope,
)
from scribewire.capacity.load import Arrival, StreamRecord
from scribewire.capacity.utterances import SpokenUtterance
from scribewire.client import FinalResult, PartialResult
from scribewire.types import Word

LONG = SpokenUtterance(start_ms=1_000, end_ms=4_000, settled_ms=4_512)
SHORT = SpokenUtterance(start_ms=6_000, end_ms=7_000, settled_ms=7_512)
ALWAYS = Window(0, 1_000)


def partial(at_s: float, text: str, offset_ms: int) -> Arrival:
    return Arrival(at_s, PartialResult(text=text, offset_ms=offset_ms))


def final(at_s: float, text: str, offset_ms: int, *ends_ms: int) -> Arrival:
    words = tuple(
        Word(text=word, start_ms=end_ms - 100, end_ms=end_ms, confidence=0.9)
        for word, end_ms in zip(text.split(), ends_ms, strict=False)
    )
    return Arrival(at_s, FinalResult(text=text, offset_ms=offset_ms, words=words or None))


def measure(*arrivals: Arrival, window: Window = ALWAYS, ended_s: float | None = 109) -> Latencies:
    record = StreamRecord(began_s=100, arrivals=arrivals, ended_s=ended_s)
    return measure_stream(record, [LONG, SHORT], window)


def test_a_final_is_measured_from_the_end_of_speech_and_of_its_silence() -> None:
    found = measure(final(104.9, "one", 4_400), final(107.75, "two", 7_400))

    assert found.speech_to_final_ms == (900, 750)
    assert found.heard_s == (104.0, 107.0)
    assert found.final_ms == (300, 150)  # the chunk with the last sample is due 0.6 s after speech
    assert (found.finals, found.unmatched_finals) == (2, 0)


def test_a_final_in_the_middle_of_speech_is_counted_and_not_measured() -> None:
    found = measure(final(103, "one", 2_500), final(104.9, "two", 4_400))

    assert found.speech_to_final_ms == (900,)
    assert (found.finals, found.unmatched_finals) == (2, 1)


def test_an_end_of_speech_has_one_final() -> None:
    found = measure(final(104.9, "one", 4_400), final(105, "more", 4_500))

    assert found.speech_to_final_ms == (900,)
    assert found.unmatched_finals == 1


def test_nobody_waits_for_the_end_of_speech_that_was_cut() -> None:
    cut = SpokenUtterance(start_ms=0, end_ms=4_000, settled_ms=9_000, is_cut=True)
    record = StreamRecord(began_s=100, arrivals=(final(109.2, "one", 4_000),))

    found = measure_stream(record, [cut], ALWAYS)

    assert found.final_ms == (200,)
    assert found.speech_to_final_ms == ()


def test_a_system_of_unknown_endpoints_has_no_final_latency() -> None:
    unknown = SpokenUtterance(start_ms=1_000, end_ms=4_000, settled_ms=None)
    record = StreamRecord(began_s=100, arrivals=(final(104.9, "one", 3_800),))

    found = measure_stream(record, [unknown], ALWAYS)

    assert found.final_ms == ()
    assert found.speech_to_final_ms == (900,)


def test_an_utterance_without_a_final_is_missing_one() -> None:
    assert measure(final(104.9, "one", 4_400)).missing_finals == 1
    assert measure(final(104.9, "one", 4_400), final(107.75, "two", 7_400)).missing_finals == 0


def test_finals_that_go_back_are_counted() -> None:
    assert measure(final(105, "b", 7_400), final(106, "a", 4_400)).disordered_finals == 1


def test_only_what_ends_inside_the_window_is_measured() -> None:
    arrivals = (
        partial(102, "on", 1_900),
        final(104.9, "one", 4_400, 3_900),
        final(107.75, "two", 7_400, 6_900),
    )

    found = measure(*arrivals, window=Window(105, 110))

    assert found.speech_to_final_ms == (750,)
    assert found.first_partial_ms == ()
    assert found.word_to_partial_ms == (850,)
    assert found.finals == 2


def test_the_first_partial_is_measured_from_the_start_of_speech() -> None:
    found = measure(
        partial(101.6, "a", 1_500), partial(102.1, "a b", 2_000), partial(106.7, "c", 6_500)
    )

    assert found.first_partial_ms == (600, 700)


def test_only_long_utterances_owe_a_partial() -> None:
    none, some = measure(), measure(partial(103, "a", 2_900))

    assert (none.long_utterances, none.long_with_partial) == (1, 0)
    assert (some.long_with_partial, some.partial_coverage) == (1, 1.0)
    assert Latencies().partial_coverage is None


@pytest.mark.parametrize(
    ("shown_s", "gaps_ms"),
    [
        ([], (3_000, 1_000)),  # silence is no speaking time
        ([102.0], (1_000, 2_000, 1_000)),
        ([101.5, 102.0, 105.0], (500, 500, 2_000, 1_000)),  # what comes after speech fills no gap
    ],
)
def test_gaps_are_speaking_time_without_news(
    shown_s: list[float], gaps_ms: tuple[int, ...]
) -> None:
    found = measure(*(partial(at_s, "a", 1_500) for at_s in shown_s))

    assert found.partial_gaps_ms == gaps_ms


@pytest.mark.parametrize(
    ("gaps_ms", "interval_ms"),
    [
        ((), None),
        ((0,), None),
        ((500,) * 8, 500),
        ((500, 500, 500, 5_000), 5_000),  # most of the time nothing new was shown
    ],
)
def test_the_partial_interval_is_that_of_the_middle_moment(
    gaps_ms: tuple[int, ...], interval_ms: int | None
) -> None:
    assert Latencies(partial_gaps_ms=gaps_ms).partial_interval_ms == interval_ms


def test_a_word_waits_until_it_is_first_shown() -> None:
    found = measure(
        partial(102.0, "Good,", 1_900),
        partial(102.5, "good mourning", 2_400),
        final(104.9, "Good morning to-day", 4_400, 1_500, 2_300, 3_900),
        final(107.8, "Good", 7_400, 6_500),  # what was shown before belongs to the other
    )

    # "to-day" is two words as they are compared
    assert sorted(found.word_to_partial_ms) == [500, 1_000, 1_000, 1_300, 2_600]


def test_words_behind_a_cut_were_shown_before_it() -> None:
    cut = SpokenUtterance(start_ms=0, end_ms=2_000, settled_ms=4_000, is_cut=True)
    rest = SpokenUtterance(start_ms=2_000, end_ms=6_000, settled_ms=6_512)
    arrivals = (
        partial(103.5, "one two", 3_400),
        final(104.2, "One", 2_000, 1_000),
        final(106.7, "two", 6_400, 3_000),
    )
    record = StreamRecord(began_s=100, arrivals=arrivals)

    found = measure_stream(record, [cut, rest], ALWAYS)

    assert found.word_to_partial_ms == (2_500, 500)
    assert found.first_partial_ms == ()  # nobody began to speak at a cut


def test_what_was_sent_late_and_what_came_after_the_last_chunk() -> None:
    record = StreamRecord(began_s=100, sent_s=(100.1, 100.25), ended_s=100.9)

    found = measure_stream(record, [], ALWAYS)

    assert found.late_sends_ms == (0, 50)
    assert found.end_lags_ms == (700,)
    assert found.unfinished == 0


def test_a_stream_that_did_not_end_has_no_lag_at_its_end() -> None:
    found = measure(ended_s=None)

    assert (found.end_lags_ms, found.unfinished) == ((), 1)


def test_streams_add_up() -> None:
    one, other = measure(final(104.9, "one", 4_400)), measure(final(107.75, "two", 7_400))

    both = add_up([one, other])

    assert both.speech_to_final_ms == (900, 750)
    assert (both.finals, both.long_utterances) == (2, 2)


def test_a_distribution_of_nothing_is_none() -> None:
    assert distribution([]) is None
    assert distribution([3]) == Distribution(count=1, median=3, p95=3, p99=3, max=3)
    assert distribution(range(101)) == Distribution(count=101, median=50, p95=95, p99=99, max=100)


TIMES = [3.0 * k for k in range(20)]
GROWING = [600 + 20 * at for at in TIMES]


def test_growth_is_the_slope_that_a_late_final_does_not_bend() -> None:
    assert slope(TIMES, GROWING) == Slope(20, 20)
    bent = slope(TIMES, [*GROWING[:-1], 60_000])
    assert bent is not None
    assert bent.value == pytest.approx(20)


def test_what_only_goes_up_and_down_does_not_rise_for_sure() -> None:
    found = slope(TIMES, [600 + 200 * (k % 3) for k in range(20)])

    assert found is not None
    assert found.low <= 0


def test_too_few_finals_have_no_slope() -> None:
    assert slope(TIMES[:9], GROWING[:9]) is None
    assert slope([1.0] * 20, GROWING) is None
