from __future__ import annotations

import pytest

from scribewire.engines.protocols import Voices
from scribewire.events import Final, TranscriptEvent
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.rules import RecognizerRules
from scribewire.testing.scripted import (
    ScriptedEngine,
    ScriptedVad,
    ScriptedVoices,
    answer_all,
    draw_speech,
    scripted_rules,
)

RULES = scripted_rules()
SPEAKERS = scripted_rules(speakers=True)


@pytest.mark.parametrize("rules", [RULES, SPEAKERS])
@pytest.mark.parametrize("chunk", [100, 512, 50_000])
def test_a_break_ends_the_utterance_before_more_audio_comes(
    rules: RecognizerRules, chunk: int
) -> None:
    recognizer = Recognizer(rules)
    voices = Voices(ScriptedVoices(), ScriptedVoices())
    events: list[TranscriptEvent] = []

    def feed(picture: str) -> None:
        samples = draw_speech(picture)
        for at in range(0, len(samples), chunk):
            recognizer.receive_audio(samples[at : at + chunk])
            events.extend(answer_all(recognizer, ScriptedVad(), ScriptedEngine(), voices))

    feed("." * 15 + "hello" * 4)
    recognizer.receive_break()
    events.extend(answer_all(recognizer, ScriptedVad(), ScriptedEngine(), voices))
    assert texts(events) == ["hello" * 4]

    feed("there" * 4 + "." * 20)
    assert texts(events) == ["hello" * 4, "there" * 4]


def texts(events: list[TranscriptEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, Final)]
