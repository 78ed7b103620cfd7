from __future__ import annotations

from dataclasses import replace

import pytest

from scribewire.engines.engines import Engines
from scribewire.engines.protocols import Voices
from scribewire.errors import ServerFault
from scribewire.recognition.requests import (
    DecodeRequest,
    DecodeResult,
    EmbeddingRequest,
    EmbeddingResult,
    Hypothesis,
    TurnRequest,
    TurnResult,
    VadRequest,
    VadResult,
)
from scribewire.testing.scripted import (
    ScriptedEngine,
    ScriptedVad,
    ScriptedVoices,
    draw_speech,
)
from scribewire.wishes import AUTO


def test_what_is_offered_and_by_whom_follows_from_the_table() -> None:
    english, dutch = ScriptedEngine(), ScriptedEngine()
    dutch.traits = replace(dutch.traits, languages=frozenset({"en", "nl"}), tells_language=True)

    engines = Engines(ScriptedVad(), (english, dutch), offered=("en", "nl"), default="nl")

    assert engines.languages == {"en", "nl"}
    assert engines.auto_languages == {"en", "nl"}
    assert engines.default_language == "nl"
    assert engines.speech_for("en", "fast") is english
    assert engines.speech_for(None, "fast") is dutch
    assert engines.speech_for(AUTO, "fast", ("en", "nl")) is dutch


def test_each_request_is_answered_by_the_engine_that_it_is_for() -> None:
    english, german = ScriptedEngine(), ScriptedEngine()
    voices, samples = ScriptedVoices(), draw_speech("abc")
    engines = Engines(ScriptedVad(), (english, german), Voices(voices, voices))
    decode = DecodeRequest(utterance=0, samples=samples, end_sample=samples.size, is_required=True)

    decoded = engines.answer(decode, german)

    assert isinstance(decoded, DecodeResult)
    assert isinstance(decoded.hypothesis, Hypothesis)
    assert (decoded.hypothesis.text, german.requests, english.requests) == ("abc", [decode], [])
    assert isinstance(engines.answer(VadRequest(samples, None), german), VadResult)
    embedding = EmbeddingRequest(utterance=0, samples=samples)
    assert isinstance(engines.answer(embedding, german), EmbeddingResult)
    turns = TurnRequest(utterance=0, samples=samples)
    assert isinstance(engines.answer(turns, german), TurnResult)


def test_closing_closes_every_engine_and_again_does_nothing() -> None:
    voices, vad, speech = ScriptedVoices(), ScriptedVad(), (ScriptedEngine(), ScriptedEngine())
    engines = Engines(vad, speech, Voices(voices, voices))

    engines.close()
    engines.close()

    for engine in speech:
        with pytest.raises(ServerFault):
            engine.decode(
                DecodeRequest(
                    utterance=0, samples=draw_speech("a"), end_sample=512, is_required=True
                )
            )
    with pytest.raises(ServerFault):
        vad.measure(VadRequest(draw_speech("a"), None))
    assert voices.is_closed


def test_an_answer_is_timed_where_it_is_given() -> None:
    engine = ScriptedEngine()
    request = DecodeRequest(
        utterance=0, samples=draw_speech("abc"), end_sample=48_000, is_required=True
    )

    took_s = Engines(ScriptedVad(), (engine,)).time_answer(request, engine)

    assert engine.requests == [request]
    assert took_s > 0
