from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.errors import ServerFault
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.requests import (
    FRAME_SAMPLES,
    DecodeRequest,
    EmbeddingRequest,
    TurnRequest,
)
from scribewire.testing.check_engine import check_engine
from scribewire.testing.scripted import (
    ScriptedEngine,
    ScriptedVad,
    ScriptedVoices,
    draw_speech,
    read_speech,
    read_tokens,
    recognize,
    results_of,
    scripted_rules,
)


@given(st.text(alphabet="abcXYZ.", max_size=80))
def test_what_is_drawn_is_read_back(picture: str) -> None:
    assert read_speech(draw_speech(picture)) == picture.replace(".", "")


def test_a_silence_parts_words() -> None:
    tokens = read_tokens(draw_speech("..ab..c"))

    assert [(token.text, token.start) for token in tokens] == [
        ("a", 2 * FRAME_SAMPLES),
        ("b", 3 * FRAME_SAMPLES),
        (" c", 6 * FRAME_SAMPLES),
    ]


def test_less_than_half_a_frame_is_not_read() -> None:
    samples = draw_speech("ab")

    assert read_speech(samples[300:]) == "b"
    assert read_speech(samples[200:]) == "ab"


class TakesAnyPrefix(ScriptedEngine):
    takes_any_prefix = True


@pytest.mark.parametrize("make", [TakesAnyPrefix, ScriptedVad])
def test_the_scripted_engines_pass_the_conformance_check(
    make: type[TakesAnyPrefix | ScriptedVad],
) -> None:
    check_engine(make, speech=draw_speech("..hello there.."))


def test_a_prefix_that_is_not_in_the_audio_is_a_fault_of_the_recognizer() -> None:
    samples = draw_speech("hello")
    request = DecodeRequest(
        utterance=0, samples=samples, end_sample=0, is_required=True, prefix=(ord("x"),)
    )

    with pytest.raises(AssertionError, match="is not in the audio"):
        ScriptedEngine().decode(request)


def test_a_stream_is_played_to_its_end() -> None:
    events = recognize(
        Recognizer(scripted_rules()), [draw_speech("..hello")], ScriptedVad(), ScriptedEngine()
    )

    assert [event.text for event in results_of(events)] == ["hello"]


def test_voices_are_told_apart_by_the_kind_of_letter() -> None:
    voices = ScriptedVoices()

    def embed(picture: str) -> list[float]:
        request = EmbeddingRequest(utterance=0, samples=draw_speech(picture))
        return [float(number) for number in voices.embed(request).vector]

    assert [embed(p) for p in ("abC", "AB.c", "..12", "....")] == [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
        [0, 0, 0],
    ]


def test_turns_are_runs_of_one_kind_of_letter() -> None:
    request = TurnRequest(utterance=0, samples=draw_speech(".ab.cDE1"))

    turns = ScriptedVoices().find_turns(request).turns

    frames = [(t.voice, t.start // FRAME_SAMPLES, t.end // FRAME_SAMPLES) for t in turns]
    assert frames == [(0, 1, 3), (0, 4, 5), (1, 5, 7), (2, 7, 8)]


def test_closed_voices_refuse() -> None:
    voices = ScriptedVoices()
    voices.close()

    with pytest.raises(ServerFault):
        voices.embed(EmbeddingRequest(utterance=0, samples=draw_speech("a")))
