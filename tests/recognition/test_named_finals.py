"""Finals say who speaks, and no more is embedded for it than decides."""

from __future__ import annotations

from scribewire.engines.protocols import Voices
from scribewire.events import Final, TranscriptEvent
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.requests import (
    EmbeddingRequest,
)
from scribewire.recognition.rules import RecognizerRules
from scribewire.recognition.speakers import FIRST_VOICE_SAMPLES, MAX_VOICE_SAMPLES
from scribewire.testing.scripted import (
    ScriptedEngine,
    ScriptedVad,
    ScriptedVoices,
    draw_speech,
    recognize,
    scripted_rules,
)

RULES = scripted_rules()
SPEAKERS = scripted_rules(speakers=True)
TALK = "." * 15 + "hello" * 8 + "." * 4 + "HELLO" * 9 + "." * 20 + "there" * 9 + "12" * 30 + "...."
LONG = " ".join(chr(ord("a") + n % 26) * 4 for n in range(120)) + " "


def events_of(
    picture: str, rules: RecognizerRules = RULES, chunk: int = 512
) -> list[TranscriptEvent]:
    samples = draw_speech(picture)
    chunks = [samples[at : at + chunk] for at in range(0, len(samples), chunk)]
    return recognize(Recognizer(rules), chunks, ScriptedVad(), ScriptedEngine(), voices())


def voices() -> Voices:
    scripted = ScriptedVoices()
    return Voices(scripted, scripted)


def finals_of(events: list[TranscriptEvent]) -> list[Final]:
    return [event for event in events if isinstance(event, Final)]


def engines() -> tuple[ScriptedVad, ScriptedEngine]:
    return ScriptedVad(), ScriptedEngine()


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
