"""Neither the chunks of the audio nor the order of the answers changes a final."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from scribewire.engines.engines import Engines
from scribewire.events import Final, TranscriptEvent
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.requests import (
    FRAME_SAMPLES,
    DecodeRequest,
    DecodeResult,
    Request,
)
from scribewire.recognition.rules import RecognizerRules
from scribewire.testing.scripted import (
    ScriptedEngine,
    ScriptedVad,
    draw_speech,
    recognize,
    scripted_rules,
)
from tests.recognition.drawn import (
    RULES,
    SPEAKERS,
    SPEECH,
    TALK,
    engines,
    events_of,
    finals_of,
    voices,
)


@given(
    cuts=st.lists(st.integers(1, len(SPEECH) * FRAME_SAMPLES - 1), max_size=60),
    rules=st.sampled_from(
        [RULES, scripted_rules(mode="quality"), scripted_rules(max_utterance_ms=2000)]
    ),
)
def test_chunking_does_not_change_the_finals(cuts: list[int], rules: RecognizerRules) -> None:
    samples = draw_speech(SPEECH)
    chunks = np.split(samples, sorted(set(cuts)))

    cut = recognize(Recognizer(rules), chunks, ScriptedVad(), ScriptedEngine())

    whole = recognize(Recognizer(rules), [samples], ScriptedVad(), ScriptedEngine())
    assert finals_of(cut) == finals_of(whole)


@given(
    cuts=st.lists(st.integers(1, len(TALK) * FRAME_SAMPLES - 1), max_size=60),
    max_utterance_ms=st.sampled_from([2000, 3500, 15000]),
)
def test_chunking_does_not_change_the_speakers(cuts: list[int], max_utterance_ms: int) -> None:
    rules = scripted_rules(speakers=True, max_utterance_ms=max_utterance_ms)
    samples = draw_speech(TALK)

    cut = recognize(Recognizer(rules), np.split(samples, sorted(set(cuts))), *engines(), voices())

    whole = recognize(Recognizer(rules), [samples], *engines(), voices())
    assert finals_of(cut) == finals_of(whole)


WORDS = ["." * 7, "." * 20, "a" * 30, "B" * 30, "B" * 5, "1" * 40, "b" * 12]


# Two pieces hold half a frame each of one letter, and the third has only the second for context.
@example(
    seed=0,
    words=["1" * 40, "B" * 5, "a" * 30, "." * 7, "a" * 30, "a" * 30, "a" * 30, "1" * 40, "1" * 40],
)
@given(seed=st.integers(0, 2**32 - 1), words=st.lists(st.sampled_from(WORDS), max_size=9))
def test_the_order_and_delay_of_answers_do_not_change_the_speakers(
    seed: int, words: list[str]
) -> None:
    picture = "".join(words)

    assert play_in_random_order(picture, SPEAKERS, seed) == finals_of(events_of(picture, SPEAKERS))


@given(seed=st.integers(0, 2**32 - 1), picture=st.text(alphabet="ab..", max_size=120))
def test_the_order_and_delay_of_answers_do_not_change_the_finals(seed: int, picture: str) -> None:
    assert play_in_random_order(picture, RULES, seed) == finals_of(events_of(picture))


def play_in_random_order(picture: str, rules: RecognizerRules, seed: int) -> list[Final]:
    """Answers come in any order between the kinds, and partials are dropped at random."""
    random = np.random.default_rng(seed)
    recognizer, vad, engine = Recognizer(rules), ScriptedVad(), ScriptedEngine()
    open_requests: list[Request] = []
    events: list[TranscriptEvent] = []
    for at in range(0, len(picture), 7):
        recognizer.receive_audio(draw_speech(picture[at : at + 7]))
        events += _answer_in_random_order(recognizer, open_requests, random, vad, engine)
    recognizer.receive_end()
    events += _answer_in_random_order(recognizer, open_requests, random, vad, engine)
    while open_requests:
        events += _answer_in_random_order(recognizer, open_requests, random, vad, engine)

    assert recognizer.is_finished
    return finals_of(events)


def _answer_in_random_order(
    recognizer: Recognizer,
    open_requests: list[Request],
    random: np.random.Generator,
    vad: ScriptedVad,
    engine: ScriptedEngine,
) -> list[TranscriptEvent]:
    engines = Engines(vad, (engine,), voices())
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
            recognizer.receive_result(request, engines.answer(request, engine))
    events: list[TranscriptEvent] = []
    while (event := recognizer.next_event()) is not None:
        events.append(event)
    return events
