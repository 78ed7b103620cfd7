"""What a final needs is asked for as soon as its audio is there, and no sooner piece by piece."""

from __future__ import annotations

import pytest

from scribewire.engines.engines import Engines
from scribewire.engines.protocols import Voices
from scribewire.events import Final
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.requests import FRAME_SAMPLES, EmbeddingRequest, VadRequest
from scribewire.testing.scripted import (
    ScriptedEngine,
    ScriptedVad,
    ScriptedVoices,
    answer_all,
    draw_speech,
    scripted_rules,
)


@pytest.mark.parametrize("length", range(20, 40))
@pytest.mark.parametrize("has_partials", [True, False])
def test_a_final_comes_with_the_last_frame_of_the_silence(length: int, has_partials: bool) -> None:
    rules = scripted_rules(partials=has_partials, speakers=True)
    recognizer = Recognizer(rules)
    picture = "." * 9 + "a" * length + "." * 40
    voices = ScriptedVoices()
    final_at: list[int] = []

    for fed, frame in enumerate(picture, start=1):
        recognizer.receive_audio(draw_speech(frame))
        events = answer_all(recognizer, ScriptedVad(), ScriptedEngine(), Voices(voices, voices))
        final_at += [fed for event in events if isinstance(event, Final)]

    assert final_at == [9 + length + rules.endpoint.end_silence]


def test_frames_are_judged_together_while_nothing_can_follow_from_them() -> None:
    recognizer = Recognizer(scripted_rules(partials=False))
    engines = Engines(ScriptedVad(), (ScriptedEngine(),))
    sizes: list[int] = []
    for frame in "." * 16 + "a" * 16 + "." * 16:
        recognizer.receive_audio(draw_speech(frame))
        while (request := recognizer.next_request()) is not None:
            if isinstance(request, VadRequest):
                sizes.append(len(request.frames) // FRAME_SAMPLES)
            recognizer.receive_result(request, engines.answer(request, engines.speech[0]))

    assert sizes == [8, 8, 8, 8, 8, 5, 3]


def test_a_voice_is_embedded_while_its_utterance_goes_on() -> None:
    recognizer, scripted = Recognizer(scripted_rules(speakers=True)), ScriptedVoices()
    recognizer.receive_audio(draw_speech("a" * 60))

    answer_all(recognizer, ScriptedVad(), ScriptedEngine(), Voices(scripted, scripted))

    assert [type(request) for request in scripted.requests] == [EmbeddingRequest]
