"""The arithmetic of the joining bench: who was let in, how long they waited, what is told."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bench.joining import describe_joining, format_joining, judge
from bench.live_speech import Speech
from scribewire.capacity.load import Arrival, Source, StreamRecord
from scribewire.capacity.monologue import Monologue
from scribewire.capacity.utterances import SpokenUtterance
from scribewire.client import FinalResult

SPEECH = Speech(
    monologue=Monologue(np.zeros(0, np.float32), ""),
    pcm=b"",
    utterances=(
        SpokenUtterance(start_ms=0, end_ms=1_000, settled_ms=1_500),
        SpokenUtterance(start_ms=14_000, end_ms=15_000, settled_ms=15_500),
    ),
)
REFUSED = "refused with HTTP 503: this server is busy"
CLIENTS = [
    (
        Source(pcm=b""),
        StreamRecord(
            began_s=0.25,
            sent_s=(0.35,),
            arrivals=(
                Arrival(1.95, FinalResult(text="one", offset_ms=1_000)),
                Arrival(16.25, FinalResult(text="two", offset_ms=15_000)),
            ),
            ended_s=17.0,
        ),
        SPEECH,
    ),
    (Source(pcm=b"", starts_s=1.0), StreamRecord(began_s=1.1, failure=REFUSED), SPEECH),
]


def test_only_those_let_in_are_measured_and_the_burst_also_by_itself() -> None:
    run = judge(CLIENTS, spoken_s=20, within_s=2, mode="fast", cores_used=0.5)

    assert (run.clients, run.let_in, run.waits_ms) == (2, 1, (250,))
    assert run.refusals == {REFUSED: 1}
    assert run.latencies.speech_to_final_ms == (700, 1_000)
    assert run.early.speech_to_final_ms == (700,)
    assert run.latencies.missing_finals == 0
    assert [one.what for one in run.shortfalls] == []


@pytest.mark.parametrize(
    ("clients", "row", "is_carried"),
    [
        (CLIENTS, "2, 2 1 250 / 250 / 250 850 / 985 / 1000 700 / 700 / 700", True),
        (CLIENTS[1:], "1, 2 0 - - - - 0.50 -", False),
    ],
)
def test_a_row_tells_who_came_and_a_line_who_was_refused(
    clients: list[tuple[Source, StreamRecord, Speech]], row: str, is_carried: bool
) -> None:
    run = judge(clients, spoken_s=20, within_s=2, mode="fast", cores_used=0.5)

    lines = format_joining([run]).splitlines()
    described = json.loads(json.dumps(describe_joining(run)))

    assert " ".join(lines[2].split()).startswith(row)
    assert lines[-1] == f"{len(clients)} clients: 1 refused: {REFUSED}"
    assert described["is_carried"] is is_carried
