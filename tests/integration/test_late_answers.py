"""Late answers and ends that move back: the context of a final is the same."""

from __future__ import annotations

from dataclasses import replace

from scribewire.engines.engines import Engines
from scribewire.engines.protocols import Voices
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.requests import (
    FRAME_SAMPLES,
    DecodeRequest,
    DecodeResult,
    Hypothesis,
    Request,
    TurnRequest,
    TurnResult,
    VadRequest,
)
from scribewire.testing.scripted import (
    ScriptedEngine,
    ScriptedVad,
    ScriptedVoices,
    answer_all,
    draw_speech,
    recognize,
    scripted_rules,
)

RULES = scripted_rules()


def test_a_late_answer_for_other_audio_does_not_take_the_context_away() -> None:
    """The pause of the second utterance is taken back before its decode is answered."""
    recognizer, (vad, engine) = Recognizer(RULES), _engines()
    recognizer.receive_audio(draw_speech("hello" + "." * 20))
    answer_all(recognizer, vad, engine)
    recognizer.receive_audio(draw_speech("there" + "." * 14))
    (paused,) = _answer_vad_only(recognizer, vad)
    recognizer.receive_audio(draw_speech("again"))
    assert _answer_vad_only(recognizer, vad) == []

    recognizer.receive_result(paused, DecodeResult(Hypothesis("", (), is_complete=False)))
    recognizer.receive_end()
    answer_all(recognizer, vad, engine)

    assert bool(engine.requests[-1].prefix)


def test_a_pause_that_was_none_takes_no_context_from_a_cut_inside_it() -> None:
    picture = "hello" + "." * 16 + "a" * 98 + "." * 14 + "b" * 80
    rules = replace(
        scripted_rules(max_utterance_ms=6000, partials=False),
        context_samples=130 * FRAME_SAMPLES,  # up to the cut, not up to the end of the pause
    )

    def decode_of_the_cut(answered_from: int) -> DecodeRequest:
        recognizer, (vad, engine) = Recognizer(rules), _engines()
        waiting: list[Request] = []
        for at, letter in enumerate(picture):
            recognizer.receive_audio(draw_speech(letter))
            waiting += _answer_vad_only(recognizer, vad)
            if at >= answered_from and waiting:
                first = waiting.pop(0)
                recognizer.receive_result(first, Engines(vad, (engine,)).answer(first, engine))
        recognizer.receive_end()
        answer_all(recognizer, vad, engine)
        return next(r for r in engine.requests if r.end_sample == 121 * FRAME_SAMPLES)

    assert decode_of_the_cut(0).prefix == decode_of_the_cut(135).prefix != ()


def test_a_change_of_speaker_found_late_still_has_its_context() -> None:
    class Hesitant(ScriptedVoices):
        """Hears the change only with much of what follows."""

        def find_turns(self, request: TurnRequest) -> TurnResult:
            is_long = len(request.samples) > 120 * FRAME_SAMPLES
            return super().find_turns(request) if is_long else TurnResult(())

    rules = replace(
        scripted_rules(max_utterance_ms=8000, speakers=True),
        context_samples=70 * FRAME_SAMPLES,
    )
    vad, engine = _engines()
    scripted = Hesitant()
    picture = "hello" + "." * 20 + "a" * 30 + "B" * 220
    chunks = [draw_speech(letter) for letter in picture]

    recognize(Recognizer(rules), chunks, vad, engine, Voices(scripted, scripted))

    changed = next(r for r in engine.requests if r.is_required and r.utterance == 1)
    assert changed.end_sample == 55 * FRAME_SAMPLES
    assert bool(changed.prefix)


def _engines() -> tuple[ScriptedVad, ScriptedEngine]:
    return ScriptedVad(), ScriptedEngine()


def _answer_vad_only(recognizer: Recognizer, vad: ScriptedVad) -> list[Request]:
    """Answer no decode; return the decodes that were asked for."""
    waiting: list[Request] = []
    while (request := recognizer.next_request()) is not None:
        if isinstance(request, VadRequest):
            recognizer.receive_result(request, vad.measure(request))
        else:
            waiting.append(request)
    return waiting
