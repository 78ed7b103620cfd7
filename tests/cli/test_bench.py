from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest

from scribewire.capacity.latency import Latencies
from scribewire.capacity.search import Shortfall
from scribewire.capacity.trials import Capacity, Trial
from scribewire.cli.bench import describe, explain, print_answer

SMALL = Trial(
    streams=1,
    latencies=Latencies(
        first_partial_ms=(400, 500),
        final_ms=(60, 70),
        speech_to_final_ms=(600, 700),
        partial_gaps_ms=(500, 500, 400),
        long_utterances=2,
        long_with_partial=2,
    ),
    cpu_s_per_audio_s=0.1,
    cores_used=0.1,
    rss_bytes=400_000_000,
    shortfalls=(),
)
LARGE = replace(
    SMALL,
    streams=12,
    latencies=Latencies(),
    cores_used=1.9,
    shortfalls=(Shortfall("p95 speech-to-final 2100 ms, allowed 1500"),),
)
CAPACITY = Capacity(
    streams=8,
    too_many=12,
    mode="fast",
    cores=2,
    trials=(SMALL, LARGE, replace(SMALL, streams=8)),
    wall_s=83.4,
)


def test_the_table_has_a_line_for_each_trial_by_its_size() -> None:
    out = io.StringIO()

    print_answer(CAPACITY, out)

    _, *rows = out.getvalue().split("\n\n")[0].splitlines()
    assert [row.split()[:2] for row in rows] == [["1", "yes"], ["8", "yes"], ["12", "no"]]
    assert " ".join(rows[0].split()) == "1 yes 650, p95 695 450, p95 495 500 0.10 400"
    assert " ".join(rows[2].split()) == "12 no - - - 1.90 400"


@pytest.mark.parametrize(
    ("streams", "too_many", "words"),
    [
        (8, 12, "carries between 8 and 11 live streams in `fast`"),
        (11, 12, "carries about 11 live streams"),
        (1, 2, "carries about 1 live stream in"),
        (0, 1, "carries not one live stream in"),
        (64, None, "carries at least 64 live streams"),
    ],
)
def test_the_answer_says_no_more_than_was_found(
    streams: int, too_many: int | None, words: str
) -> None:
    assert words in explain(replace(CAPACITY, streams=streams, too_many=too_many))


def test_the_answer_says_what_stopped_it_and_how_it_was_found() -> None:
    said = explain(CAPACITY)

    assert "Too many were 12: p95 speech-to-final 2100 ms, allowed 1500." in said
    assert "83 s with 3 trials" in said


def test_a_server_that_was_kept_from_the_cores_is_told_of() -> None:
    starved = replace(CAPACITY, trials=(SMALL, replace(LARGE, cores_used=0.96)))

    assert "The server had 1.0 of 2 cores in that trial" in explain(starved)
    assert "The server had" not in explain(CAPACITY)


def test_a_program_gets_every_number() -> None:
    found = json.loads(json.dumps(describe(CAPACITY)))

    assert (found["streams"], found["too_many"], found["cores"]) == (8, 12, 2)
    assert [trial["streams"] for trial in found["trials"]] == [1, 12, 8]
    assert found["trials"][0]["speech_to_final_ms"]["median"] == 650
    assert found["trials"][0]["is_carried"]
    assert found["trials"][1]["shortfalls"] == ["p95 speech-to-final 2100 ms, allowed 1500"]
    assert found["trials"][1]["final_ms"] is None
