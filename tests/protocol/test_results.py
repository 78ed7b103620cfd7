from __future__ import annotations

import pytest

from scribewire.events import Final, Partial
from scribewire.protocol.results import FinalResult, PartialResult, as_result
from scribewire.types import Word


def words(*texts: str) -> tuple[Word, ...]:
    """Return words of a tenth of a second, each less sure than the one before."""
    return tuple(
        Word(text=text, start_ms=100 * n, end_ms=100 * n + 100, confidence=0.9 - n / 10)
        for n, text in enumerate(texts)
    )


CASES: list[tuple[Partial | Final, PartialResult | FinalResult]] = [
    (
        Partial(utterance=3, text="It was", start_sample=0, end_sample=24_000),
        PartialResult(text="It was", offset_ms=1500),
    ),
    (
        Partial(utterance=3, text="It was", start_sample=0, end_sample=24_000, stability=0.75),
        PartialResult(text="It was", offset_ms=1500, stability=0.75),
    ),
    (
        Final(utterance=3, decided_sample=0, text="It was.", start_sample=0, end_sample=40_015),
        FinalResult(text="It was.", offset_ms=2500),
    ),
    (
        Final(
            utterance=0,
            decided_sample=0,
            text="It was.",
            start_sample=0,
            end_sample=16_000,
            words=words("It", "was."),
        ),
        FinalResult(text="It was.", offset_ms=1000, words=words("It", "was.")),
    ),
    (
        Final(
            utterance=0,
            decided_sample=0,
            text="It was.",
            start_sample=0,
            end_sample=16_000,
            speaker=2,
        ),
        FinalResult(text="It was.", offset_ms=1000, speaker="Speaker 2"),
    ),
    (
        Final(
            utterance=0,
            decided_sample=0,
            text="Het was.",
            start_sample=0,
            end_sample=16_000,
            language="nl",
        ),
        FinalResult(text="Het was.", offset_ms=1000, language="nl"),
    ),
    (
        Final(utterance=0, decided_sample=0, text="", start_sample=0, end_sample=0),
        FinalResult(text="", offset_ms=0),
    ),
]


@pytest.mark.parametrize(("event", "message"), CASES)
def test_an_event_becomes_its_message_with_nothing_invented(
    event: Partial | Final, message: PartialResult | FinalResult
) -> None:
    assert as_result(event) == message
