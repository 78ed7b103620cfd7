from __future__ import annotations

from dataclasses import replace

import pytest

from scribewire.capacity.latency import Latencies
from scribewire.capacity.search import (
    CapacitySearch,
    find_shortfalls,
    plan_starts,
)


def latencies(
    *,
    final_ms: int = 600,
    late_final_ms: int = 600,
    growth_ms: int = 0,
    gap_ms: int = 500,
    announced: int = 20,
    unfinished: int = 0,
) -> Latencies:
    """Twenty utterances, one every three seconds."""
    finals = [final_ms + k * growth_ms for k in range(20)]
    finals[5] = finals[9] = late_final_ms
    return Latencies(
        speech_to_final_ms=tuple(finals),
        heard_s=tuple(range(0, 60, 3)),
        partial_gaps_ms=(gap_ms,) * 20,
        long_utterances=20,
        long_with_partial=announced,
        unfinished=unfinished,
    )


def test_a_load_that_keeps_every_bar_is_carried() -> None:
    assert find_shortfalls(latencies()) == ()


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (latencies(late_final_ms=3_000), "p95 speech-to-final"),
        (latencies(gap_ms=1_600), "partial interval 1600 ms"),
        (latencies(announced=18), "partials for 90.0%"),
        (latencies(growth_ms=40), "lag grows by 13."),
        (latencies(unfinished=1), "1 streams did not end well"),
        (replace(latencies(), finals=20, missing_finals=2), "2 utterances without a final"),
        (Latencies(), "no final"),
    ],
)
def test_each_bar_that_is_missed_is_named(found: Latencies, words: str) -> None:
    (shortfall,) = find_shortfalls(found)

    assert words in shortfall.what


def test_what_may_be_chance_is_no_growth() -> None:
    assert find_shortfalls(latencies(growth_ms=10)) == ()


@pytest.mark.parametrize("capacity", range(33))
def test_the_search_finds_the_largest_number(capacity: int) -> None:
    search = CapacitySearch(first=4, most_trials=20)

    while (streams := search.next_streams()) is not None:
        search.receive(streams, is_carried=streams <= capacity)

    assert search.carried == capacity
    assert search.refused == capacity + 1


def test_the_search_builds_on_what_is_known() -> None:
    search = CapacitySearch(first=10, carried=1, growth=1.5, most_trials=4)
    tried = []

    while (streams := search.next_streams()) is not None:
        tried.append(streams)
        search.receive(streams, is_carried=streams <= 17)

    assert tried == [10, 15, 22, 18]
    assert (search.carried, search.refused) == (15, 18)


def test_the_search_ends_with_its_trials() -> None:
    search = CapacitySearch(first=1, most_trials=3)
    tried = []

    while (streams := search.next_streams()) is not None:
        tried.append(streams)
        search.receive(streams, is_carried=True)

    assert tried == [1, 2, 4]
    assert (search.carried, search.refused) == (4, None)


def test_the_search_stops_at_the_most_that_may_be_tried() -> None:
    search = CapacitySearch(first=4, most_streams=6)
    tried = []

    while (streams := search.next_streams()) is not None:
        tried.append(streams)
        search.receive(streams, is_carried=True)

    assert tried == [4, 6]


def test_streams_start_evenly_and_within_the_spread() -> None:
    assert plan_starts(4, spread_s=10) == [0, 2.5, 5, 7.5]


def test_a_cough_needs_no_final() -> None:
    assert find_shortfalls(replace(latencies(), finals=20, missing_finals=1)) == ()


def test_a_search_never_begins_beyond_the_most() -> None:
    assert CapacitySearch(first=1440, carried=1, most_streams=512).next_streams() == 512


def test_quality_has_a_second_more_for_it_waits_so_much_longer() -> None:
    late = latencies(final_ms=2_400)

    assert find_shortfalls(late, mode="quality") == ()
    assert find_shortfalls(late) != ()
