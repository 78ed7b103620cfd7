"""The arithmetic of the live bench: what peers noted, what is printed, what is written."""

from __future__ import annotations

import json

import pytest

from bench.live_drill import has_all_in_order
from bench.live_files import FilesRun, format_files
from bench.live_process import Note, StreamNotes, read_records
from bench.live_report import describe_run, format_runs, format_shortfalls
from bench.live_runs import LiveRun
from bench.scoring import WordErrors
from scribewire.capacity.latency import Latencies
from scribewire.capacity.load import Arrival, StreamRecord
from scribewire.capacity.search import Shortfall
from scribewire.client import FinalResult, PartialResult

RUN = LiveRun(
    system="scribewire",
    streams=2,
    seconds=60,
    latencies=Latencies(speech_to_final_ms=(600, 800), heard_s=(1, 2), finals=2),
    cpu_s_per_audio_s=0.1,
    client_cpu_s_per_audio_s=None,
    outside_engines=0.05,
    peak_rss_bytes=400_000_000,
    words=WordErrors(words=100, substitutions=7),
    differing_streams=(),
    shortfalls=(Shortfall("too slow"),),
)


def test_what_a_peer_noted_reads_as_ours() -> None:
    notes = [
        Note(at_s=11.0, end_ms=900, text="Hel", is_complete=False),
        Note(at_s=12.0, end_ms=1_500, text="Hello.", is_complete=True),
    ]

    records = read_records(
        [
            StreamNotes(sent_s=[10.1, 10.2], notes=notes, ended_s=13.0),
            StreamNotes(sent_s=[], notes=[], ended_s=None),
        ],
        [10.0, 12.5],
    )

    assert records == (
        StreamRecord(
            began_s=10.0,
            sent_s=(10.1, 10.2),
            arrivals=(
                Arrival(11.0, PartialResult(text="Hel", offset_ms=900)),
                Arrival(12.0, FinalResult(text="Hello.", offset_ms=1_500)),
            ),
            ended_s=13.0,
        ),
        StreamRecord(began_s=12.5, failure="not waited for any longer"),
    )


ONE, TWO = FinalResult(text="one", offset_ms=100), FinalResult(text="two", offset_ms=200)


@pytest.mark.parametrize(
    ("came", "has_stayed", "expected"),
    [
        ([ONE, TWO], True, True),
        ([ONE], True, False),
        ([ONE], False, True),
        ([], False, True),
        ([TWO], False, False),
        ([TWO, ONE], True, False),
    ],
)
def test_who_stays_gets_everything_and_who_leaves_a_beginning(
    came: list[FinalResult], has_stayed: bool, expected: bool
) -> None:
    record = StreamRecord(
        began_s=0,
        arrivals=tuple(Arrival(1.0, final) for final in came),
        ended_s=2.0 if has_stayed else None,
    )

    assert has_all_in_order(record, [ONE, TWO]) is expected


def test_a_run_has_a_column_and_a_verdict() -> None:
    table = format_runs([RUN])

    assert "scribewire 2" in table.splitlines()[0]
    assert "700 / 790 / 798 / 800" in table
    assert "7.00" in table
    assert "0 of 2" in table
    assert format_shortfalls([RUN]) == "scribewire, 2 streams: too slow"


def test_a_run_is_written_with_every_latency() -> None:
    written = json.loads(json.dumps(describe_run(RUN)))

    assert written["latencies"]["speech_to_final_ms"] == [600, 800]
    assert written["distributions"]["speech_to_final_ms"]["max"] == 800
    assert written["distributions"]["final_ms"] is None
    assert written["is_carried"] is False


def test_throughput_counts_pauses() -> None:
    run = FilesRun(
        system="ours",
        files=2,
        threads=2,
        audio_s=120,
        wall_s=4,
        cpu_s=6,
        rss_bytes=300_000_000,
        words=WordErrors(words=10, insertions=1),
    )

    assert " ".join(format_files([run]).splitlines()[2].split()) == "ours 2 2 30.0 0.0500 300 10.00"
