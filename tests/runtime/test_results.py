from __future__ import annotations

import pytest

from scribewire.events import Final, Partial, TranscriptEvent
from scribewire.protocol.messages import FinalResult, PartialResult
from scribewire.runtime.results import as_result
from scribewire.types import Word


def words(*texts: str) -> tuple[Word, ...]:
    """Return words of a tenth of a second, each less sure than the one before."""
    return tuple(
        Word(text=text, start_ms=100 * n, end_ms=100 * n + 100, confidence=0.9 - n / 10)
        for n, text in enumerate(texts)
    )


CASES: list[tuple[TranscriptEvent, PartialResult | FinalResult]] = [
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
        Final(utterance=0, decided_sample=0, text="", start_sample=0, end_sample=0),
        FinalResult(text="", offset_ms=0),
    ),
]


@pytest.mark.parametrize(("event", "message"), CASES)
def test_an_event_becomes_its_message_with_nothing_invented(
    event: TranscriptEvent, message: PartialResult | FinalResult
) -> None:
    assert as_result(event) == message


SPOKEN = "It cost twenty one dollars."


def test_numbers_stay_words_unless_digits_are_asked_for() -> None:
    final = Final(
        utterance=0,
        decided_sample=0,
        text=SPOKEN,
        start_sample=0,
        end_sample=0,
        words=words(*SPOKEN.split()),
    )

    assert as_result(final) == FinalResult(text=SPOKEN, offset_ms=0, words=final.words)


def test_digits_are_written_in_the_text_and_in_the_words() -> None:
    final = Final(
        utterance=0,
        decided_sample=0,
        text=SPOKEN,
        start_sample=0,
        end_sample=0,
        words=words(*SPOKEN.split()),
    )

    result = as_result(final, digits_in="en")

    assert isinstance(result, FinalResult)
    assert result.text == "It cost 21 dollars."
    assert result.words is not None
    assert " ".join(word.text for word in result.words) == result.text
    assert (result.words[2].start_ms, result.words[2].end_ms) == (200, 400)


def test_digits_are_written_in_partials_and_in_finals_without_words() -> None:
    partial = Partial(
        utterance=0, text="It cost twenty one", start_sample=0, end_sample=0, stability=0.5
    )
    final = Final(utterance=0, decided_sample=0, text=SPOKEN, start_sample=0, end_sample=0)

    assert as_result(partial, digits_in="en") == PartialResult(
        text="It cost 21", offset_ms=0, stability=0.5
    )
    assert as_result(final, digits_in="en") == FinalResult(text="It cost 21 dollars.", offset_ms=0)
