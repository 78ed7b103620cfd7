from __future__ import annotations

import pytest

from scribewire.recognition.endpointer import (
    Boundary,
    UtteranceCut,
    UtteranceEnded,
    UtterancePaused,
    UtteranceResumed,
    UtteranceStarted,
)
from scribewire.recognition.requests import FRAME_SAMPLES as F
from scribewire.recognition.turns import SpeakerChanged
from scribewire.recognition.utterance import Utterance
from scribewire.recognition.utterances import Utterances
from scribewire.testing.scripted import scripted_rules

RULES = scripted_rules()
BEFORE, AFTER = RULES.calibration.pad_before_samples, RULES.pad_after_samples
START = UtteranceStarted(100)


def follow(*boundaries: tuple[Boundary | SpeakerChanged, int]) -> Utterances:
    """Follow each boundary, decided at a frame."""
    utterances = Utterances(RULES)
    for boundary, judged in boundaries:
        utterances.follow(boundary, judged * F)
    return utterances


def audio(utterance: Utterance) -> tuple[int, int | None]:
    return utterance.start, utterance.end


def test_an_utterance_begins_with_what_surrounds_its_speech() -> None:
    utterances = Utterances(RULES)

    followed = utterances.follow(START, 103 * F)

    assert followed.ended is None
    assert followed.opened is utterances.open is utterances.first is utterances.find(0)
    assert followed.opened is not None
    assert (followed.opened.start, followed.opened.speech_start) == (100 * F - BEFORE, 100 * F)


@pytest.mark.parametrize(
    ("boundaries", "end"),
    [
        ([(UtterancePaused(120), 133)], 120 * F + AFTER),
        ([(UtterancePaused(120), 122)], 122 * F),  # no more has come in
        ([(UtterancePaused(120), 133), (UtteranceResumed(140), 141)], None),
        ([(UtterancePaused(120), 133), (UtteranceEnded(120), 136)], 120 * F + AFTER),
        ([(UtteranceEnded(120), 125)], 125 * F),
        ([(UtteranceCut(120), 140)], 120 * F),
        ([(SpeakerChanged(120 * F, 130 * F), 140)], 125 * F),
        ([(SpeakerChanged(120 * F, 190 * F), 240)], 120 * F + AFTER),
    ],
    ids=["pause", "short", "none", "end", "early", "cut", "change", "late change"],
)
def test_where_its_audio_ends(
    boundaries: list[tuple[Boundary | SpeakerChanged, int]], end: int | None
) -> None:
    first = follow((START, 103), *boundaries).first

    assert first is not None
    assert audio(first) == (100 * F - BEFORE, end)


def test_an_end_after_a_pause_keeps_the_audio_of_the_pause() -> None:
    paused = follow((START, 103), (UtterancePaused(120), 122), (UtteranceEnded(120), 140))

    assert paused.first is not None
    assert paused.first.end == 122 * F


@pytest.mark.parametrize(
    "boundary", [UtteranceCut(120), SpeakerChanged(120 * F, 121 * F)], ids=["cut", "change"]
)
def test_the_next_begins_where_the_audio_of_the_last_ends(
    boundary: UtteranceCut | SpeakerChanged,
) -> None:
    utterances = follow((START, 103), (boundary, 140))

    first, second = utterances
    assert first.decided_at == 140 * F
    assert second is utterances.open
    assert (second.number, second.start) == (1, first.end)


def test_what_waits_keeps_its_audio() -> None:
    utterances = follow((START, 103), (UtteranceEnded(120), 140))
    before = utterances.needed_from(140 * F), utterances.next_end(140 * F)
    assert utterances.open is None

    utterances.drop_first()

    assert before == (100 * F - BEFORE, 120 * F + AFTER)
    assert (utterances.first, utterances.find(0)) == (None, None)
    assert utterances.needed_from(140 * F) == 120 * F + AFTER  # where the next may begin
    assert utterances.needed_from(300 * F) == 300 * F - BEFORE - 3 * F
