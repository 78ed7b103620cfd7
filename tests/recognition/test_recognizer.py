from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scribewire.recognition.events import Event, Final, Partial
from scribewire.recognition.recognizer import MAX_WAITING_FINALS, Recognizer
from scribewire.recognition.requests import (
    FRAME_SAMPLES,
    DecodeRequest,
    DecodeResult,
    Hypothesis,
    Request,
    VadRequest,
)
from scribewire.recognition.rules import RecognizerRules, rules_for
from scribewire.testing.scripted import (
    ScriptedEngine,
    ScriptedVad,
    answer,
    answer_all,
    draw_speech,
    recognize,
)
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Callable

RULES = rules_for("fast")
SPEECH = "." * 15 + "hello" * 4 + "." * 12 + "there" * 3 + "." * 20 + "again" + "." * 4
LONG = "".join(chr(ord("a") + n % 26) for n in range(600))


def events_of(picture: str, rules: RecognizerRules = RULES, chunk: int = 512) -> list[Event]:
    samples = draw_speech(picture)
    chunks = [samples[at : at + chunk] for at in range(0, len(samples), chunk)]
    return recognize(Recognizer(rules), chunks, ScriptedVad(), ScriptedEngine())


def finals_of(events: list[Event]) -> list[Final]:
    return [event for event in events if isinstance(event, Final)]


def partials_of(events: list[Event]) -> list[Partial]:
    return [event for event in events if isinstance(event, Partial)]


def test_each_utterance_gets_one_final() -> None:
    finals = finals_of(events_of(SPEECH))

    assert [(f.utterance, f.text) for f in finals] == [
        (0, "hello" * 4 + "there" * 3),
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


def test_a_last_frame_that_is_not_whole_is_heard() -> None:
    samples = draw_speech("..abcdefgh")[:-200]

    events = recognize(Recognizer(RULES), [samples], ScriptedVad(), ScriptedEngine())

    assert [f.text for f in finals_of(events)] == ["abcdefgh"]
    assert finals_of(events)[0].end_sample == len(samples)


def test_partials_come_about_every_half_second_and_grow() -> None:
    partials = partials_of(events_of("..." + LONG[:160] + "." * 30))

    steps = np.diff([p.end_sample for p in partials])
    assert len(partials) >= 9
    assert max(steps[:-1]) <= 0.6 * SAMPLE_RATE
    assert all(b.text.startswith(a.text) for a, b in itertools.pairwise(partials))


def test_without_partials_only_finals_are_decoded() -> None:
    engine = ScriptedEngine()
    rules = rules_for("fast", has_partials=False)
    chunks = np.split(draw_speech("." + LONG[:100] + "." * 30), 131)

    events = recognize(Recognizer(rules), chunks, ScriptedVad(), engine)

    assert partials_of(events) == []
    assert len(engine.requests) == len(finals_of(events)) == 1


def test_two_equal_partials_in_a_row_are_sent_once() -> None:
    events = events_of("." + "hello" * 8 + "." * 30)

    texts = [p.text for p in partials_of(events)]
    assert len(texts) > 1
    assert all(a != b for a, b in itertools.pairwise(texts))


def test_speech_that_is_too_long_is_cut_and_loses_no_frame() -> None:
    rules = rules_for("fast", max_utterance_ms=5000)

    finals = finals_of(events_of(LONG, rules))

    assert len(finals) >= 4
    assert "".join(f.text for f in finals) == LONG


def test_the_audio_of_a_final_is_decoded_before_its_silence_is_over() -> None:
    recognizer, vad, engine = Recognizer(RULES), ScriptedVad(), ScriptedEngine()
    recognizer.receive_audio(draw_speech("." + "hello" * 2 + "." * 10))
    answer_all(recognizer, vad, engine)
    asked_in_pause = len([r for r in engine.requests if r.is_required])
    recognizer.receive_audio(draw_speech("." * 10))

    events = answer_all(recognizer, vad, engine)

    assert asked_in_pause == 1
    assert [f.text for f in finals_of(events)] == ["hellohello"]
    assert len([r for r in engine.requests if r.is_required]) == 1


def test_a_pause_that_was_none_makes_a_partial_of_its_decode() -> None:
    events = events_of("." + "hello" * 2 + "." * 12 + "there" * 2 + "." * 20)

    assert "hellohello" in [p.text for p in partials_of(events)]
    assert [f.text for f in finals_of(events)] == ["hellohello" + "there" * 2]


def test_an_utterance_that_showed_a_partial_gets_a_final_even_if_it_was_a_mistake() -> None:
    texts = {True: "", False: "a mistake"}

    events = _play("." + "x" * 30 + "." * 40, lambda request: texts[request.is_required])

    assert [type(e) for e in events] == [Partial, Final]
    assert events[-1].text == ""


def test_an_utterance_that_showed_nothing_and_decodes_to_nothing_says_nothing() -> None:
    assert _play("." + "x" * 30 + "." * 40, lambda _: "") == []


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
                recognizer.receive_result(request, answer(request, vad, engine))

    assert engine.requests[0].end_sample > dropped[0].end_sample


def test_an_older_partial_that_comes_late_is_not_shown() -> None:
    recognizer, vad, engine = Recognizer(RULES), ScriptedVad(), ScriptedEngine()
    late: list[DecodeRequest] = []
    for chunk in np.split(draw_speech("." + "hello" * 5 + "." * 12 + "x"), 39):
        recognizer.receive_audio(chunk)
        while (request := recognizer.next_request()) is not None:
            if isinstance(request, DecodeRequest) and not request.is_required:
                late.append(request)
            else:
                recognizer.receive_result(request, answer(request, vad, engine))
    recognizer.receive_result(late[0], answer(late[0], vad, engine))

    events = answer_all(recognizer, vad, engine)

    assert [p.text for p in partials_of(events)] == ["hello" * 5]


def test_finals_keep_their_order_while_decoding_is_behind() -> None:
    recognizer, vad, engine = Recognizer(RULES), ScriptedVad(), ScriptedEngine()
    recognizer.receive_audio(draw_speech("".join("." * 10 + w + "." * 20 for w in ("abc", "def"))))
    recognizer.receive_end()
    (first,) = _answer_vad_only(recognizer, vad)
    recognizer.receive_result(first, answer(first, vad, engine))

    events = answer_all(recognizer, vad, engine)

    assert [e.text for e in finals_of(events)] == ["abc", "def"]


def test_judging_stops_while_too_many_finals_wait_and_lag_tells() -> None:
    recognizer, vad = Recognizer(RULES), ScriptedVad()
    recognizer.receive_audio(draw_speech(("." * 10 + "hello" + "." * 20) * 20))

    _answer_vad_only(recognizer, vad)

    assert vad.frames_measured < 35 * (MAX_WAITING_FINALS + 2)
    assert recognizer.lag_samples == (35 * 20 - vad.frames_measured) * FRAME_SAMPLES


def test_memory_does_not_grow_with_the_stream() -> None:
    recognizer, vad, engine = Recognizer(RULES), ScriptedVad(), ScriptedEngine()
    most = 0
    for _ in range(200):
        recognizer.receive_audio(draw_speech("." * 10 + "hello" * 3 + "." * 20))
        answer_all(recognizer, vad, engine)
        most = max(most, recognizer.buffered_samples)

    assert most <= 2 * SAMPLE_RATE


def test_an_utterance_starts_after_the_audio_of_the_one_before() -> None:
    rules = rules_for("fast", endpointing_ms=100)
    engine = ScriptedEngine()

    recognize(Recognizer(rules), [draw_speech("hello.....there......")], ScriptedVad(), engine)

    first, second = [r for r in engine.requests if r.is_required]
    assert second.end_sample - len(second.samples) >= first.end_sample


@given(
    cuts=st.lists(st.integers(1, len(SPEECH) * FRAME_SAMPLES - 1), max_size=60),
    rules=st.sampled_from([RULES, rules_for("quality"), rules_for("fast", max_utterance_ms=2000)]),
)
def test_chunking_does_not_change_the_finals(cuts: list[int], rules: RecognizerRules) -> None:
    samples = draw_speech(SPEECH)
    chunks = np.split(samples, sorted(set(cuts)))

    cut = recognize(Recognizer(rules), chunks, ScriptedVad(), ScriptedEngine())

    whole = recognize(Recognizer(rules), [samples], ScriptedVad(), ScriptedEngine())
    assert finals_of(cut) == finals_of(whole)


@given(seed=st.integers(0, 2**32 - 1), picture=st.text(alphabet="ab..", max_size=120))
def test_the_order_and_delay_of_answers_do_not_change_the_finals(seed: int, picture: str) -> None:
    """Answers come in any order between the kinds, and partials are dropped at random."""
    random = np.random.default_rng(seed)
    recognizer, vad, engine = Recognizer(RULES), ScriptedVad(), ScriptedEngine()
    open_requests: list[Request] = []
    events: list[Event] = []
    for at in range(0, len(picture), 7):
        recognizer.receive_audio(draw_speech(picture[at : at + 7]))
        events += _answer_in_random_order(recognizer, open_requests, random, vad, engine)
    recognizer.receive_end()
    events += _answer_in_random_order(recognizer, open_requests, random, vad, engine)
    while open_requests:
        events += _answer_in_random_order(recognizer, open_requests, random, vad, engine)

    assert recognizer.is_finished
    assert finals_of(events) == finals_of(events_of(picture))


def _answer_in_random_order(
    recognizer: Recognizer,
    open_requests: list[Request],
    random: np.random.Generator,
    vad: ScriptedVad,
    engine: ScriptedEngine,
) -> list[Event]:
    for _ in range(40):
        while (request := recognizer.next_request()) is not None:
            open_requests.append(request)
        if not open_requests:
            break
        request = open_requests.pop(int(random.integers(len(open_requests))))
        may_drop = isinstance(request, DecodeRequest) and not request.is_required
        if may_drop and random.random() < 0.5:
            recognizer.receive_result(request, DecodeResult(None))
        else:
            recognizer.receive_result(request, answer(request, vad, engine))
    events: list[Event] = []
    while (event := recognizer.next_event()) is not None:
        events.append(event)
    return events


def _answer_vad_only(recognizer: Recognizer, vad: ScriptedVad) -> list[Request]:
    """Answer no decode; return the decodes that were asked for."""
    waiting: list[Request] = []
    while (request := recognizer.next_request()) is not None:
        if isinstance(request, VadRequest):
            recognizer.receive_result(request, vad.measure(request))
        else:
            waiting.append(request)
    return waiting


def _play(picture: str, text_of: Callable[[DecodeRequest], str]) -> list[Event]:
    """Play a picture frame by frame; answer decodes with the text that `text_of` gives."""
    recognizer, vad = Recognizer(RULES), ScriptedVad()
    events: list[Event] = []
    for frame in [*picture, None]:
        if frame is None:
            recognizer.receive_end()
        else:
            recognizer.receive_audio(draw_speech(frame))
        while (request := recognizer.next_request()) is not None:
            if isinstance(request, VadRequest):
                recognizer.receive_result(request, vad.measure(request))
            else:
                hypothesis = Hypothesis(text_of(request), ())
                recognizer.receive_result(request, DecodeResult(hypothesis))
        while (event := recognizer.next_event()) is not None:
            events.append(event)
    assert recognizer.is_finished
    return events
