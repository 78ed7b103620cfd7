from __future__ import annotations

import pytest

from scribewire.protocol.messages import FinalResult, PartialResult
from scribewire.recognition.events import Event, Final, Partial
from scribewire.runtime.results import as_result

CASES: list[tuple[Event, PartialResult | FinalResult]] = [
    (
        Partial(utterance=3, text="It was", end_sample=24_000),
        PartialResult(text="It was", offset_ms=1500),
    ),
    (
        Final(utterance=3, text="It was.", end_sample=40_015),
        FinalResult(text="It was.", offset_ms=2500),
    ),
    (Final(utterance=0, text="", end_sample=0), FinalResult(text="", offset_ms=0)),
]


@pytest.mark.parametrize(("event", "message"), CASES)
def test_an_event_becomes_its_message_with_nothing_invented(
    event: Event, message: PartialResult | FinalResult
) -> None:
    assert as_result(event) == message
