from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from scribewire.engines.engines import Engines
from scribewire.events import Final, Partial, SpeechStarted, TranscriptEvent
from scribewire.recognition.intake import IDLE_HOP_FRAMES
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.requests import (
    FRAME_SAMPLES,
    DecodeRequest,
    DecodeResult,
    Hypothesis,
    Request,
    Token,
    VadRequest,
)
from scribewire.testing.scripted import (
    ScriptedEngine,
    ScriptedVad,
    answer_all,
    draw_speech,
    recognize,
    results_of,
    scripted_rules,
)
from scribewire.types import SAMPLE_RATE
from tests.recognition.drawn import LONG, RULES, SPEAKERS, SPEECH, TALK, events_of, finals_of

if TYPE_CHECKING:
    from collections.abc import Callable


def partials_of(events: list[TranscriptEvent]) -> list[Partial]:
    return [event for event in events if isinstance(event, Partial)]


def test_each_utterance_gets_one_final() -> None:
    finals = finals_of(events_of(SPEECH))

    assert [(f.utterance, f.text) for f in finals] == [
        (0, "hello" * 4 + " " + "there" * 3),
        (1, "again"),
    ]


def test_silence_gives_no_event_and_no_decode() -> None:
    engine = ScriptedEngine()

    events = recognize(Recognizer(RULES), [draw_speech("." * 500)], ScriptedVad(), engine)

    assert events == []
    assert engine.requests == []


def test_an_empty_stream_ends_at_once() -> None:
    recognizer = Recognizer(RULES)
    recognizer.receive_end()

    assert recognizer.next_request() is None
    assert recognizer.is_finished


def test_speech_on_the_first_and_on_the_last_sample_is_complete() -> None:
    assert [f.text for f in finals_of(events_of("abcdefgh"))] == ["abcdefgh"]


def test_a_last_frame_that_is_not_whole_is_decoded() -> None:
    samples = draw_speech("..abcdefgh")[:-200]

    events = recognize(Recognizer(RULES), [samples], ScriptedVad(), ScriptedEngine())

    assert [f.text for f in finals_of(events)] == ["abcdefgh"]
    assert finals_of(events)[0].end_sample == len(samples)


def test_partials_come_about_every_half_second_and_grow() -> None:
    partials = partials_of(events_of("..." + LONG[:160] + "." * 30))

    steps = np.diff([p.end_sample for p in partials])
    assert len(partials) >= 9
    assert max(steps[1:-1]) <= 0.6 * SAMPLE_RATE  # the second may have nothing new to say
    assert all(b.text.startswith(a.text) for a, b in itertools.pairwise(partials))


class MumblingEngine(ScriptedEngine):
    """Hears every letter and is sure of none."""

    def decode(self, request: DecodeRequest) -> DecodeResult:
        found = super().decode(request).hypothesis
        assert found is not None
        tokens = tuple(replace(token, logprob=-3.0) for token in found.tokens)
        return DecodeResult(replace(found, tokens=tokens))


def test_a_first_partial_is_tried_often_but_not_for_long() -> None:
    engine = MumblingEngine()
    chunks = np.split(draw_speech("..." + LONG[:130]), 133)

    recognize(Recognizer(RULES), chunks, ScriptedVad(), engine)

    steps = np.diff([r.end_sample for r in engine.requests if not r.is_required]) / SAMPLE_RATE
    assert max(steps[:5]) < 0.15
    assert min(steps[6:]) >= 0.5


def test_without_partials_only_finals_are_decoded() -> None:
    engine = ScriptedEngine()
    rules = scripted_rules(partials=False)
    chunks = np.split(draw_speech("." + LONG[:100] + "." * 30), 131)

    events = recognize(Recognizer(rules), chunks, ScriptedVad(), engine)

    assert partials_of(events) == []
    assert len(engine.requests) == len(finals_of(events)) == 1


def test_two_equal_partials_in_a_row_are_sent_once() -> None:
    events = events_of("." + "hello world " * 6 + "." * 30)

    texts = [p.text for p in partials_of(events)]
    assert len(texts) > 1
    assert all(a != b for a, b in itertools.pairwise(texts))


def test_speech_that_is_too_long_is_cut_and_loses_no_frame() -> None:
    rules = scripted_rules(max_utterance_ms=5000)

    finals = finals_of(events_of(LONG, rules))

    assert len(finals) >= 4
    assert "".join(f.text for f in finals).replace(" ", "") == LONG.replace(" ", "")


def test_the_audio_of_a_final_is_decoded_before_its_silence_is_over() -> None:
    recognizer, vad, engine = Recognizer(RULES), ScriptedVad(), ScriptedEngine()
    recognizer.receive_audio(draw_speech("." + "hello" * 2 + "." * 14))
    answer_all(recognizer, vad, engine)
    asked_in_pause = len([r for r in engine.requests if r.is_required])
    recognizer.receive_audio(draw_speech("." * 6))

    events = answer_all(recognizer, vad, engine)

    assert asked_in_pause == 1
    assert [f.text for f in finals_of(events)] == ["hellohello"]
    assert len([r for r in engine.requests if r.is_required]) == 1


def test_a_pause_that_was_none_makes_a_partial_of_its_decode() -> None:
    events = events_of("." + "hello" * 2 + "." * 14 + "there" * 2 + "." * 20)

    assert "hellohello" in [p.text for p in partials_of(events)]
    assert [f.text for f in finals_of(events)] == ["hellohello therethere"]


def test_an_utterance_that_showed_a_partial_gets_a_final_even_if_it_was_a_mistake() -> None:
    texts = {True: "", False: "a mistake"}

    events = _play("." + "x" * 30 + "." * 40, lambda request: texts[request.is_required])

    assert partials_of(events)[0].text.startswith("a")
    assert [final.text for final in finals_of(events)] == [""]
    assert isinstance(events[-1], Final)


def test_an_utterance_that_showed_nothing_and_decodes_to_nothing_says_nothing() -> None:
    assert results_of(_play("." + "x" * 30 + "." * 40, lambda _: "")) == []


def test_speech_that_starts_is_told_before_what_is_said() -> None:
    events = events_of(TALK, SPEAKERS)

    started = [event for event in events if isinstance(event, SpeechStarted)]
    assert [(e.utterance, e.start_sample) for e in started] == [
        (f.utterance, f.start_sample) for f in finals_of(events)
    ]
    for event in started:
        of_it = [other for other in events if other.utterance == event.utterance]
        assert of_it[0] is event


def test_a_partial_that_was_dropped_is_asked_for_again_with_newer_audio() -> None:
    recognizer, vad, engine = Recognizer(RULES), ScriptedVad(), ScriptedEngine()
    dropped: list[DecodeRequest] = []
    for chunk in np.split(draw_speech("." + "hello" * 20), 101):
        recognizer.receive_audio(chunk)
        while (request := recognizer.next_request()) is not None:
            if isinstance(request, DecodeRequest) and not dropped:
                dropped.append(request)
                recognizer.receive_result(request, DecodeResult(None))
            else:
                recognizer.receive_result(request, Engines(vad, (engine,)).answer(request, engine))

    assert engine.requests[0].end_sample > dropped[0].end_sample


def test_an_older_partial_that_comes_late_is_not_shown() -> None:
    recognizer, vad, engine = Recognizer(RULES), ScriptedVad(), ScriptedEngine()
    late: list[DecodeRequest] = []
    for chunk in np.split(draw_speech("." + "hello" * 5 + "." * 14 + "x"), 41):
        recognizer.receive_audio(chunk)
        while (request := recognizer.next_request()) is not None:
            if isinstance(request, DecodeRequest) and not request.is_required:
                late.append(request)
            else:
                recognizer.receive_result(request, Engines(vad, (engine,)).answer(request, engine))
    recognizer.receive_result(late[0], Engines(vad, (engine,)).answer(late[0], engine))

    events = answer_all(recognizer, vad, engine)

    assert [p.text for p in partials_of(events)] == ["hello" * 5]


def test_finals_keep_their_order_while_decoding_is_behind() -> None:
    recognizer, vad, engine = Recognizer(RULES), ScriptedVad(), ScriptedEngine()
    recognizer.receive_audio(draw_speech("".join("." * 10 + w + "." * 20 for w in ("abc", "def"))))
    recognizer.receive_end()
    (first,) = _answer_vad_only(recognizer, vad)
    recognizer.receive_result(first, Engines(vad, (engine,)).answer(first, engine))

    events = answer_all(recognizer, vad, engine)

    assert [e.text for e in finals_of(events)] == ["abc", "def"]


def test_lag_counts_from_the_first_utterance_that_waits_for_its_final() -> None:
    recognizer, vad, engine = Recognizer(RULES), ScriptedVad(), ScriptedEngine()
    recognizer.receive_audio(draw_speech(("." * 10 + "hello" + "." * 20) * 20))

    unanswered = _answer_vad_only(recognizer, vad)

    first_end = 15 * FRAME_SAMPLES + RULES.pad_after_samples
    assert recognizer.lag_samples == 35 * 20 * FRAME_SAMPLES - first_end
    for request in unanswered:
        recognizer.receive_result(request, Engines(vad, (engine,)).answer(request, engine))
    answer_all(recognizer, vad, engine)
    assert recognizer.lag_samples < IDLE_HOP_FRAMES * FRAME_SAMPLES


def test_memory_does_not_grow_with_the_stream() -> None:
    recognizer, vad, engine = Recognizer(RULES), ScriptedVad(), ScriptedEngine()
    most = 0
    for _ in range(200):
        recognizer.receive_audio(draw_speech("." * 10 + "hello" * 3 + "." * 20))
        answer_all(recognizer, vad, engine)
        most = max(most, recognizer.buffered_samples)

    assert most <= RULES.context_samples + 2 * SAMPLE_RATE


def test_trimming_it_changes_no_event() -> None:
    recognizer, vad, engine = Recognizer(RULES), ScriptedVad(), ScriptedEngine()
    samples, events = draw_speech(SPEECH), list[TranscriptEvent]()
    for at in range(0, len(samples), 512):
        recognizer.receive_audio(samples[at : at + 512])
        recognizer.trim()
        events += answer_all(recognizer, vad, engine)
        recognizer.trim()
    recognizer.receive_end()
    events += answer_all(recognizer, vad, engine)

    assert events == events_of(SPEECH)


def test_an_utterance_starts_after_the_audio_of_the_one_before() -> None:
    rules = replace(scripted_rules(endpointing_ms=100), context_samples=0)
    engine = ScriptedEngine()

    recognize(Recognizer(rules), [draw_speech("hello.....there......")], ScriptedVad(), engine)

    first, second = [r for r in engine.requests if r.is_required]
    assert second.end_sample - len(second.samples) >= first.end_sample


@pytest.mark.parametrize(
    "astray", [{"is_complete": False}, {"text": "", "tokens": ()}], ids=["endless", "empty"]
)
def test_a_decode_that_its_context_led_astray_is_done_again_alone(astray: dict[str, Any]) -> None:
    class Astray(ScriptedEngine):
        """Never comes to an end, or finds nothing, when it knows what was said before."""

        def decode(self, request: DecodeRequest) -> DecodeResult:
            result = super().decode(request)
            assert result.hypothesis is not None
            if request.prefix:
                result = DecodeResult(replace(result.hypothesis, **astray))
            return result

    engine = Astray()

    events = recognize(
        Recognizer(RULES), [draw_speech(("hello" + "." * 20) * 3)], ScriptedVad(), engine
    )

    assert [f.text for f in finals_of(events)] == ["hello"] * 3
    assert [bool(r.prefix) for r in engine.requests] == [False, True, False, True, False]


def test_finals_tell_when_each_word_was_said() -> None:
    (final,) = finals_of(events_of("." * 20 + "hello there" + "." * 30))

    assert final.words is not None
    assert [(w.text, w.start_ms, w.end_ms) for w in final.words] == [
        ("hello", 20 * 32, 25 * 32),
        ("there", 26 * 32, 31 * 32),
    ]


def test_a_final_is_decoded_with_what_was_said_before_it_as_known_text() -> None:
    engine = ScriptedEngine()

    recognize(Recognizer(RULES), [draw_speech(("hello" * 2 + "." * 20) * 2)], ScriptedVad(), engine)

    first, second = [r for r in engine.requests if r.is_required]
    assert (first.prefix, second.prefix) == ((), tuple(b"hellohello"))
    assert len(second.samples) == second.end_sample


def _answer_vad_only(recognizer: Recognizer, vad: ScriptedVad) -> list[Request]:
    """Answer no decode; return the decodes that were asked for."""
    waiting: list[Request] = []
    while (request := recognizer.next_request()) is not None:
        if isinstance(request, VadRequest):
            recognizer.receive_result(request, vad.measure(request))
        else:
            waiting.append(request)
    return waiting


def _play(picture: str, text_of: Callable[[DecodeRequest], str]) -> list[TranscriptEvent]:
    """Play a picture frame by frame; answer decodes with the text that `text_of` gives."""
    recognizer, vad = Recognizer(RULES), ScriptedVad()
    events: list[TranscriptEvent] = []
    for frame in [*picture, None]:
        if frame is None:
            recognizer.receive_end()
        else:
            recognizer.receive_audio(draw_speech(frame))
        while (request := recognizer.next_request()) is not None:
            if isinstance(request, VadRequest):
                recognizer.receive_result(request, vad.measure(request))
            else:
                assert isinstance(request, DecodeRequest)
                text = text_of(request)
                hypothesis = Hypothesis(text, (Token(1, -0.1, text),))
                recognizer.receive_result(request, DecodeResult(hypothesis))
        while (event := recognizer.next_event()) is not None:
            events.append(event)
    assert recognizer.is_finished
    return events
