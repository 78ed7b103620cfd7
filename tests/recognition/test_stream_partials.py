from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scribewire.engines.engines import Engines
from scribewire.events import Final, Partial, TranscriptEvent
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.requests import FRAME_SAMPLES, StreamRequest, drop
from scribewire.testing.scripted import (
    ScriptedEngine,
    ScriptedStreamingEngine,
    ScriptedVad,
    answer_all,
    draw_speech,
    recognize,
    scripted_rules,
)
from scribewire.types import SAMPLE_RATE

RULES = scripted_rules(traits=ScriptedStreamingEngine.traits)
WORDS = "ever tried ever failed no matter try again fail again fail better "
TALK = "." * 9 + WORDS * 2 + "." * 14 + WORDS + "." * 30 + WORDS + "." * 20


def play(picture: str, engine: ScriptedEngine) -> list[TranscriptEvent]:
    frames = [draw_speech(frame) for frame in picture]
    return recognize(Recognizer(RULES), frames, ScriptedVad(), engine)


def finals_of(events: list[TranscriptEvent]) -> list[Final]:
    return [event for event in events if isinstance(event, Final)]


def test_partials_grow() -> None:
    said = " ".join(letter * 4 for letter in "abcdefghijklmnopqrstuvwxyz")

    events = play(f".{said}{'.' * 30}", ScriptedStreamingEngine())

    texts = [event.text for event in events if isinstance(event, Partial)]
    assert len(texts) >= 6
    assert all(said.startswith(text) for text in texts)
    assert texts == sorted(texts, key=len)


def test_each_request_holds_what_is_new_and_the_state_of_the_last() -> None:
    engine = ScriptedStreamingEngine()

    play(TALK, engine)

    for utterance in (0, 1):
        requests = [r for r in engine.stream_requests if r.utterance == utterance]
        assert len(requests) > 3
        assert requests[0].state is None
        start = requests[0].end_sample - len(requests[0].samples)
        for request in requests:
            known = len(request.state or b"") // np.float32().itemsize
            assert request.end_sample - len(request.samples) == start + known
        assert max(len(request.samples) for request in requests) <= 1.1 * SAMPLE_RATE


def test_finals_are_decoded_as_by_an_engine_without_a_state() -> None:
    streaming, windowed = ScriptedStreamingEngine(), ScriptedEngine()

    events = play(TALK, streaming)

    frames = [draw_speech(frame) for frame in TALK]
    plain = recognize(Recognizer(scripted_rules()), frames, ScriptedVad(), windowed)
    assert all(request.is_required for request in streaming.requests)
    assert finals_of(events) == finals_of(plain)


def test_what_piles_up_while_one_waits_is_in_the_next() -> None:
    recognizer, vad, engine = Recognizer(RULES), ScriptedVad(), ScriptedStreamingEngine()
    engines = Engines(vad, (engine,))
    waiting: list[StreamRequest] = []

    def feed(picture: str) -> None:
        for frame in picture:
            recognizer.receive_audio(draw_speech(frame))
            while (request := recognizer.next_request()) is not None:
                if isinstance(request, StreamRequest):
                    waiting.append(request)
                else:
                    recognizer.receive_result(request, engines.answer(request, engine))

    feed("." + WORDS)
    (first,) = waiting  # one at a time
    recognizer.receive_result(first, engine.decode_stream(first))
    feed(WORDS[:20])
    second = waiting[-1]
    recognizer.receive_result(second, drop(second))
    feed(WORDS[20:40])

    third = waiting[-1]
    assert second.end_sample - len(second.samples) == first.end_sample
    assert third.end_sample - len(third.samples) == first.end_sample
    assert second.state is not None
    assert third.state == second.state
    assert third.end_sample > second.end_sample > first.end_sample


def test_the_answer_for_an_utterance_that_has_ended_is_not_used() -> None:
    recognizer, vad, engine = Recognizer(RULES), ScriptedVad(), ScriptedStreamingEngine()
    engines = Engines(vad, (engine,))
    late: list[StreamRequest] = []
    for frame in "." + WORDS + "." * 30 + "a" * 8:
        recognizer.receive_audio(draw_speech(frame))
        while (request := recognizer.next_request()) is not None:
            if isinstance(request, StreamRequest):
                late.append(request)
            else:
                recognizer.receive_result(request, engines.answer(request, engine))
    recognizer.receive_result(late[0], engine.decode_stream(late[0]))
    recognizer.receive_audio(draw_speech("b" * 30))

    answer_all(recognizer, vad, engine)

    asked = [request for request in engine.stream_requests if request.utterance == 1]
    assert [request.utterance for request in late] == [0]
    assert asked[0].state is None
    assert len(asked[0].samples) < 60 * FRAME_SAMPLES


@given(
    picture=st.text(alphabet="abc  ....", max_size=300),
    cuts=st.lists(st.integers(1, 300 * FRAME_SAMPLES), max_size=30),
    seed=st.integers(0, 2**32 - 1),
)
def test_neither_chunks_nor_dropped_partials_change_a_final(
    picture: str, cuts: list[int], seed: int
) -> None:
    samples, random = draw_speech(picture), np.random.default_rng(seed)
    without = replace(RULES, partial_interval_samples=None)
    plain = recognize(Recognizer(without), [samples], ScriptedVad(), ScriptedStreamingEngine())
    recognizer, engine = Recognizer(RULES), ScriptedStreamingEngine()
    engines = Engines(ScriptedVad(), (engine,))
    for chunk in [*np.split(samples, sorted({cut for cut in cuts if cut < len(samples)})), None]:
        if chunk is None:
            recognizer.receive_end()
        else:
            recognizer.receive_audio(chunk)
        while (request := recognizer.next_request()) is not None:
            is_dropped = isinstance(request, StreamRequest) and random.random() < 0.4
            result = drop(request) if is_dropped else engines.answer(request, engine)
            recognizer.receive_result(request, result)

    told = finals_of(answer_all(recognizer, ScriptedVad(), engine))

    assert recognizer.is_finished
    assert told == finals_of(plain)
