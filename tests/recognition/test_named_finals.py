"""Finals say who speaks, and no more is embedded for it than decides."""

from __future__ import annotations

from scribewire.engines.protocols import Voices
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.requests import (
    EmbeddingRequest,
)
from scribewire.recognition.speakers import FIRST_VOICE_SAMPLES, MAX_VOICE_SAMPLES
from scribewire.testing.scripted import (
    ScriptedVoices,
    draw_speech,
    recognize,
)
from tests.recognition.drawn import LONG, RULES, SPEAKERS, TALK, engines, events_of, finals_of


def test_finals_say_who_speaks_and_end_where_the_speaker_changes() -> None:
    finals = finals_of(events_of(TALK, SPEAKERS))

    assert [(f.utterance, f.text, f.speaker) for f in finals] == [
        (0, "hello" * 8, 1),
        (1, "HELLO" * 9, 2),
        (2, "there" * 9, 1),
        (3, "12" * 30, 3),
    ]


def test_nobody_is_named_and_nothing_is_asked_when_speakers_are_not_wanted() -> None:
    finals = finals_of(recognize(Recognizer(RULES), [draw_speech(TALK)], *engines(), None))

    assert {final.speaker for final in finals} == {None}


def test_too_little_speech_is_not_embedded_and_names_nobody() -> None:
    scripted = ScriptedVoices()

    events = recognize(
        Recognizer(SPEAKERS), [draw_speech("...hello.....")], *engines(), Voices(scripted, scripted)
    )

    assert [(f.text, f.speaker) for f in finals_of(events)] == [("hello", None)]
    assert scripted.requests == []


def test_no_more_is_embedded_than_decides() -> None:
    scripted = ScriptedVoices()
    picture = "." + LONG[:200].lower() + "." * 12 + "more" + "." * 30

    recognize(Recognizer(SPEAKERS), [draw_speech(picture)], *engines(), Voices(scripted, scripted))

    sizes = [len(r.samples) for r in scripted.requests if isinstance(r, EmbeddingRequest)]
    assert sizes == [FIRST_VOICE_SAMPLES, MAX_VOICE_SAMPLES]  # the first speaker has no history


def test_a_well_known_speaker_takes_less() -> None:
    scripted = ScriptedVoices()
    picture = ("." + "hello" * 30 + "." * 30) * 3

    recognize(Recognizer(SPEAKERS), [draw_speech(picture)], *engines(), Voices(scripted, scripted))

    sizes = [len(r.samples) for r in scripted.requests if isinstance(r, EmbeddingRequest)]
    first, most = FIRST_VOICE_SAMPLES, MAX_VOICE_SAMPLES
    assert sizes == [first, most, first, first]
