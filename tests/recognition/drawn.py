"""Drawn streams that several tests of the recognizer play, and what comes of them."""

from __future__ import annotations

from scribewire.engines.protocols import Voices
from scribewire.events import Final, TranscriptEvent
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.rules import RecognizerRules
from scribewire.testing.scripted import (
    ScriptedEngine,
    ScriptedVad,
    ScriptedVoices,
    draw_speech,
    recognize,
    scripted_rules,
)

RULES = scripted_rules()
SPEECH = "." * 15 + "hello" * 4 + "." * 12 + "there" * 3 + "." * 20 + "again" + "." * 4
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
