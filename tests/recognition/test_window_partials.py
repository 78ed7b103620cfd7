from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.engines.engines import Engines
from scribewire.events import Final, Partial, SpeechStarted, TranscriptEvent
from scribewire.recognition.partials import AWAITED_SAMPLES
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.requests import (
    FRAME_SAMPLES,
    DecodeRequest,
    DecodeResult,
    Hypothesis,
    Request,
    VadRequest,
)
from scribewire.recognition.window_partials import (
    MAX_OUTSTANDING,
    NEW_SPEECH_SAMPLES,
)
from scribewire.testing.scripted import (
    ScriptedEngine,
    ScriptedVad,
    answer_all,
    draw_speech,
    read_speech,
    recognize,
    results_of,
    scripted_rules,
)
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.types import Samples

RULES = scripted_rules()
WINDOWS = RULES.calibration.windows
WORDS = "ever tried ever failed no matter try again fail again fail better "
LONG = (WORDS * 7)[:420]  # 13.4 s


def partial_requests(engine: ScriptedEngine) -> list[DecodeRequest]:
    return [request for request in engine.requests if not request.is_required]


def spoken(tokens: tuple[int, ...]) -> str:
    return "".join(map(chr, tokens))


def play(picture: str, engine: ScriptedEngine) -> list[TranscriptEvent]:
    return recognize(Recognizer(RULES), frames_of(picture), ScriptedVad(), engine)


def frames_of(picture: str) -> list[Samples]:
    return [draw_speech(frame) for frame in picture]


def test_the_latest_hypothesis_goes_along_with_the_next_request() -> None:
    engine = ScriptedEngine()

    play("." + LONG[:60], engine)

    first, second, *_ = partial_requests(engine)
    assert first.prefix == first.draft == ()
    assert spoken(second.prefix + second.draft) == read_speech(first.samples)


def test_no_final_has_a_draft() -> None:
    engine = ScriptedEngine()

    play(("." + LONG[:60] + "." * 30) * 2, engine)

    finals = [request for request in engine.requests if request.is_required]
    assert len(finals) == 2
    assert not any(request.draft for request in finals)


def test_audio_whose_words_are_agreed_on_leaves_the_window() -> None:
    engine = ScriptedEngine()

    events = play("." + LONG, engine)

    requests = partial_requests(engine)
    late = [r for r in requests if r.end_sample > WINDOWS.max_window_samples + SAMPLE_RATE]
    assert len(late) > 5
    assert max(len(r.samples) for r in late) <= WINDOWS.max_window_samples + SAMPLE_RATE
    after_cut = [r for r in late if r.end_sample - len(r.samples) > 2 * FRAME_SAMPLES]
    assert len(after_cut) > 5
    texts = [event.text for event in events if isinstance(event, Partial)]
    assert all(("".join(LONG.split())).startswith("".join(text.split())) for text in texts)
    assert len("".join(texts[-1].split())) > 200


def test_a_window_begins_with_forced_words_and_sound_for_them() -> None:
    engine = ScriptedEngine()

    play("." + LONG, engine)

    for request in partial_requests(engine):
        if request.end_sample - len(request.samples) > 2 * FRAME_SAMPLES:
            assert len(request.prefix) * FRAME_SAMPLES >= WINDOWS.lead_in_samples
            assert (
                len(request.samples) >= len(request.prefix) * FRAME_SAMPLES + WINDOWS.open_samples
            )
            assert read_speech(request.samples).startswith(spoken(request.prefix))


class ForgetfulEngine(ScriptedEngine):
    """Is stopped by the guard whenever it is given known text."""

    def decode(self, request: DecodeRequest) -> DecodeResult:
        result = super().decode(request)
        assert result.hypothesis is not None
        is_astray = bool(request.prefix) and not request.is_required
        return DecodeResult(replace(result.hypothesis, is_complete=not is_astray))


def test_a_window_that_leads_astray_is_given_up() -> None:
    engine = ForgetfulEngine()

    play("." + LONG, engine)

    requests = partial_requests(engine)
    astray = [number for number, request in enumerate(requests) if request.prefix]
    assert astray
    for number in astray:
        for after in requests[number + 1 : number + 2]:
            assert after.prefix == ()
            assert after.end_sample - len(after.samples) <= FRAME_SAMPLES


class TextOnlyEngine(ScriptedEngine):
    """Gives tokens that do not spell the text."""

    def decode(self, request: DecodeRequest) -> DecodeResult:
        hypothesis = super().decode(request).hypothesis
        assert hypothesis is not None
        tokens = tuple(replace(token, text="") for token in hypothesis.tokens)
        return DecodeResult(replace(hypothesis, tokens=tokens))


def test_tokens_that_do_not_spell_the_text_are_not_sent_back() -> None:
    engine = TextOnlyEngine()

    events = play("." + LONG[:100], engine)

    assert any(isinstance(event, Partial) for event in events)
    assert all(request.prefix == request.draft == () for request in partial_requests(engine))


def test_nothing_is_decoded_where_hardly_any_speech_is_new() -> None:
    engine = ScriptedEngine()

    picture = "." + "hello world " * 3 + "." * 11 + "h" + "." * 11 + "i" + "." * 30
    samples = draw_speech(picture)

    play(picture, engine)

    ends = [0, *(request.end_sample for request in partial_requests(engine))]
    for before, end in itertools.pairwise(ends):
        new = np.count_nonzero(samples[before:end])
        assert new >= NEW_SPEECH_SAMPLES


def collect(recognizer: Recognizer, vad: ScriptedVad) -> list[DecodeRequest]:
    """Answer no decode; return the decodes that were asked for."""
    waiting: list[DecodeRequest] = []
    while (request := recognizer.next_request()) is not None:
        if isinstance(request, DecodeRequest):
            waiting.append(request)
        else:
            assert isinstance(request, VadRequest)
            recognizer.receive_result(request, vad.measure(request))
    return waiting


def test_a_newer_partial_is_asked_for_while_an_older_one_waits_but_not_without_end() -> None:
    recognizer, vad = Recognizer(RULES), ScriptedVad()
    waiting: list[DecodeRequest] = []
    for frame in frames_of("." + LONG[:150]):
        recognizer.receive_audio(frame)
        waiting += collect(recognizer, vad)

    steps = np.diff([request.end_sample for request in waiting])

    assert len(waiting) == MAX_OUTSTANDING
    assert min(steps) >= SAMPLE_RATE // 2  # as often as partials come, however early it is


def test_the_newer_of_two_waiting_partials_may_be_answered_alone() -> None:
    recognizer, vad, engine = Recognizer(RULES), ScriptedVad(), ScriptedEngine()
    waiting: list[DecodeRequest] = []
    for frame in frames_of("." + LONG[:60]):
        recognizer.receive_audio(frame)
        waiting += collect(recognizer, vad)
    older, newer = waiting[0], waiting[1]

    recognizer.receive_result(older, DecodeResult(None))
    recognizer.receive_result(newer, engine.decode(newer))

    started, shown = recognizer.next_event(), recognizer.next_event()
    assert isinstance(started, SpeechStarted)
    assert isinstance(shown, Partial)
    assert shown.end_sample == newer.end_sample


def test_an_older_partial_that_comes_after_a_newer_one_says_nothing() -> None:
    recognizer, vad, engine = Recognizer(RULES), ScriptedVad(), ScriptedEngine()
    waiting: list[DecodeRequest] = []
    for frame in frames_of("." + LONG[:60]):
        recognizer.receive_audio(frame)
        waiting += collect(recognizer, vad)
    older, newer = waiting[0], waiting[1]

    recognizer.receive_result(newer, DecodeResult(Hypothesis("", ())))
    recognizer.receive_result(older, engine.decode(older))

    assert isinstance(recognizer.next_event(), SpeechStarted)
    assert recognizer.next_event() is None


PICTURES = st.text(alphabet="abc  ....", max_size=400)


@pytest.mark.parametrize("max_utterance_ms", [15_000, 3_000])
@given(picture=PICTURES, seed=st.integers(0, 2**32 - 1))
def test_dropped_late_and_reordered_partials_change_no_final(
    picture: str, seed: int, max_utterance_ms: int
) -> None:
    rules = scripted_rules(max_utterance_ms=max_utterance_ms)
    without = replace(rules, partial_interval_samples=None)
    vad, engine = ScriptedVad(), ScriptedEngine()
    plain = results_of(recognize(Recognizer(without), frames_of(picture), vad, engine))
    random = np.random.default_rng(seed)
    recognizer = Recognizer(rules)
    waiting: list[Request] = []
    events: list[TranscriptEvent] = []

    def settle_one() -> None:
        request = waiting.pop(int(random.integers(len(waiting))))
        assert isinstance(request, DecodeRequest)
        is_dropped = random.random() < 0.4
        result = DecodeResult(None) if is_dropped else Misheard(random).decode(request)
        recognizer.receive_result(request, result)

    for frame in [*frames_of(picture), None]:
        if frame is None:
            recognizer.receive_end()
        else:
            recognizer.receive_audio(frame)
        while (request := recognizer.next_request()) is not None:
            if isinstance(request, DecodeRequest) and not request.is_required:
                waiting.append(request)
            else:
                recognizer.receive_result(request, Engines(vad, (engine,)).answer(request, engine))
        while waiting and random.random() < 0.1:
            settle_one()
        while (event := recognizer.next_event()) is not None:
            events.append(event)
    while waiting:
        settle_one()
    events += answer_all(recognizer, vad, engine)

    assert recognizer.is_finished
    told = [event for event in events if isinstance(event, Final)]
    # An utterance that showed a partial gets its final even when that says nothing.
    assert [final for final in told if final.text] == plain


class Misheard(ScriptedEngine):
    """Hears some letters as others, and loses its way now and then."""

    def __init__(self, random: np.random.Generator) -> None:
        super().__init__()
        self._random = random

    def decode(self, request: DecodeRequest) -> DecodeResult:
        found = super().decode(replace(request, prefix=())).hypothesis
        assert found is not None
        tokens = tuple(
            replace(token, id=ord("z"), text=token.text[:-1] + "z")
            if self._random.random() < 0.1
            else token
            for token in found.tokens[len(request.prefix) :]
        )
        text = "".join(token.text for token in tokens).strip()
        return DecodeResult(Hypothesis(text, tokens, is_complete=self._random.random() < 0.8))


def test_only_a_new_utterance_without_text_is_awaited() -> None:
    engine = Deaf()

    recognize(Recognizer(RULES), frames_of("a" * 200), ScriptedVad(), engine)

    requests = partial_requests(engine)
    awaited = [r.end_sample for r in requests if r.is_awaited]
    assert awaited
    assert max(awaited) <= AWAITED_SAMPLES < requests[-1].end_sample


class Deaf(ScriptedEngine):
    """Hears nothing in anything."""

    def decode(self, request: DecodeRequest) -> DecodeResult:
        super().decode(request)
        return DecodeResult(Hypothesis("", ()))
