"""Does an engine keep its contract? The checks of `scribewire.engines.protocols`, to run.

Streams are interleaved call by call; no thread is needed to show that an engine mixes them.
"""

from __future__ import annotations

import math
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

import numpy as np

from scribewire.errors import ServerFault
from scribewire.recognition.requests import (
    FRAME_SAMPLES,
    DecodeRequest,
    EmbeddingRequest,
    Hypothesis,
    VadRequest,
    VadResult,
)
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scribewire.engines.protocols import EmbeddingEngine, SpeechEngine, VadEngine
    from scribewire.types import Samples, Vector

FRAMES = 24  # 0.77 s: long enough for every model to say something, quick to decode
# Grouping the frames differently may round differently in a batch, not more.
PROBABILITY_TOLERANCE = 1e-4
LOGPROB_TOLERANCE = 1e-6  # above 0, for rounding
LENGTH_TOLERANCE = 1e-3  # of a unit vector in float32

Engine: TypeAlias = "SpeechEngine | VadEngine | EmbeddingEngine"


def check_engine(make_engine: Callable[[], Engine]) -> None:
    """Raise AssertionError with a sentence that says which promise the engine breaks.

    `make_engine` is called twice, since a used engine must answer as a fresh one does. Both
    engines are closed afterwards.
    """
    used, fresh = make_engine(), make_engine()
    try:
        if _is_speech_engine(used) and _is_speech_engine(fresh):
            _check_speech_engine(used, fresh)
        elif _is_vad_engine(used) and _is_vad_engine(fresh):
            _check_vad_engine(used, fresh)
        elif _is_embedding_engine(used) and _is_embedding_engine(fresh):
            _check_embedding_engine(used, fresh)
        else:
            raise AssertionError("the engine has neither `decode` nor `measure` nor `embed`")
    finally:
        for engine in (used, fresh):
            # What is wrong with `close` has been said by then; do not say it over another fault.
            with suppress(Exception):
                engine.close()


def _is_speech_engine(engine: object) -> TypeGuard[SpeechEngine]:
    return hasattr(engine, "decode")


def _is_vad_engine(engine: object) -> TypeGuard[VadEngine]:
    return hasattr(engine, "measure")


def _is_embedding_engine(engine: object) -> TypeGuard[EmbeddingEngine]:
    return hasattr(engine, "embed")


# Speech engines.


def _check_speech_engine(used: SpeechEngine, fresh: SpeechEngine) -> None:
    _check_languages(used.traits.languages)
    heard = {name: _decode(used, name, samples) for name, samples in _inputs().items()}
    for name, samples in _inputs().items():
        again = _decode(used, name, samples)
        assert again == heard[name], f"{name}: the same samples decoded to another text"
    first = _decode(fresh, "a voice", _voice(120))
    assert first == heard["a voice"], "a voice: a used engine answers unlike a fresh one"
    silence = heard["silence"]
    assert heard["not-a-number"] == silence, "not-a-number samples do not count as silence"
    assert heard["infinite"] == silence, "infinite samples do not count as silence"
    assert heard["no samples"].text == "", "no samples: text was heard in them"
    _check_drafts(used, heard["a voice"], heard["another voice"])
    _check_closing(used, lambda: used.decode(_decode_request(_voice(120))))


def _check_languages(languages: frozenset[str]) -> None:
    assert languages, "`languages` is empty"
    for code in languages:
        is_iso = len(code) == 2 and code.isalpha() and code.islower()  # noqa: PLR2004 - ISO 639-1
        assert is_iso, f"language {code!r} is no ISO 639-1 code in lower case"


def _decode(engine: SpeechEngine, name: str, samples: Samples) -> Hypothesis:
    given = samples.copy()
    with _named(name, "decode"):
        result = engine.decode(_decode_request(given))
    _check_unchanged(name, given, samples)
    hypothesis = result.hypothesis
    assert hypothesis is not None, f"{name}: a required request was dropped"
    _check_hypothesis(name, hypothesis)
    given.flags.writeable = False  # as samples are that lie in a message's bytes
    with _named(name, "decode of read-only samples"):
        engine.decode(_decode_request(given))
    return hypothesis


def _check_hypothesis(name: str, hypothesis: Hypothesis) -> None:
    text = hypothesis.text
    assert text == text.strip(), f"{name}: space at an end of the text {text!r}"
    assert not text or hypothesis.tokens, f"{name}: the text {text!r} has no tokens"
    for token in hypothesis.tokens:
        is_probability = math.isfinite(token.logprob) and token.logprob <= LOGPROB_TOLERANCE
        assert is_probability, f"{name}: {token.logprob} is not the logarithm of a probability"


def _check_drafts(engine: SpeechEngine, heard: Hypothesis, other: Hypothesis) -> None:
    own, wrong = (tuple(token.id for token in one.tokens) for one in (heard, other))
    _decode_with_draft(engine, "its own draft", _voice(120), own)
    _decode_with_draft(engine, "a wrong draft", _voice(120), wrong)
    believed = _decode_with_draft(engine, "a draft for no samples", _voice(120)[:0], own)
    assert believed is None or believed.text == "", "a draft for no samples was believed"


def _decode_with_draft(
    engine: SpeechEngine, name: str, samples: Samples, draft: tuple[int, ...]
) -> Hypothesis | None:
    request = replace(_decode_request(samples), is_required=False, draft=draft)
    with _named(name, "decode"):
        found = engine.decode(request).hypothesis
    if found is not None:  # what is not required may be dropped
        _check_hypothesis(name, found)
    return found


def _decode_request(samples: Samples) -> DecodeRequest:
    return DecodeRequest(utterance=0, samples=samples, end_sample=samples.size, is_required=True)


# VAD engines.


def _check_vad_engine(used: VadEngine, fresh: VadEngine) -> None:
    low, high = _voice(120), _voice(210)
    alone = _measure_in_groups(fresh, low, FRAMES)
    for name, samples in _inputs().items():
        whole = samples[: samples.size - samples.size % FRAME_SAMPLES]
        _measure(used, name, whole, state=None)
    assert _measure_in_groups(used, low, FRAMES) == alone, (
        "a voice: a used engine answers unlike a fresh one"
    )
    for group in (1, 5):
        found = _measure_in_groups(used, low, group)
        assert np.allclose(found, alone, rtol=0, atol=PROBABILITY_TOLERANCE), (
            f"a voice: frames in groups of {group} do not measure as all at once"
        )
    assert _measure_interleaved(used, low, high)[0] == _measure_in_groups(used, low, 1), (
        "two streams in turn: one changes the other's probabilities"
    )
    _check_vad_silence(used)
    _check_closing(used, lambda: used.measure(VadRequest(low, None)))


def _check_vad_silence(engine: VadEngine) -> None:
    inputs = _inputs()
    silence = _measure(engine, "silence", inputs["silence"], state=None).probabilities
    for name in ("not-a-number", "infinite"):
        found = _measure(engine, name, inputs[name], state=None).probabilities
        assert found == silence, f"{name} samples do not count as silence"


def _measure_in_groups(engine: VadEngine, samples: Samples, frames: int) -> list[float]:
    state: object = None
    probabilities: list[float] = []
    step = frames * FRAME_SAMPLES
    for start in range(0, samples.size, step):
        result = _measure(engine, "a voice", samples[start : start + step], state=state)
        probabilities += result.probabilities
        state = result.state
    return probabilities


def _measure_interleaved(engine: VadEngine, *streams: Samples) -> list[list[float]]:
    states: list[object] = [None for _ in streams]
    probabilities: list[list[float]] = [[] for _ in streams]
    for start in range(0, streams[0].size, FRAME_SAMPLES):
        for number, samples in enumerate(streams):
            frame = samples[start : start + FRAME_SAMPLES]
            result = _measure(engine, "two streams", frame, state=states[number])
            probabilities[number] += result.probabilities
            states[number] = result.state
    return probabilities


def _measure(engine: VadEngine, name: str, samples: Samples, *, state: object) -> VadResult:
    given = samples.copy()
    with _named(name, "measure"):
        result = engine.measure(VadRequest(given, state))
    _check_unchanged(name, given, samples)
    frames, count = samples.size // FRAME_SAMPLES, len(result.probabilities)
    assert count == frames, f"{name}: {count} probabilities for {frames} frames"
    for probability in result.probabilities:
        assert 0 <= probability <= 1, f"{name}: {probability} is not a probability"
    given.flags.writeable = False  # as samples are that lie in a message's bytes
    with _named(name, "measure of read-only samples"):
        repeated = engine.measure(VadRequest(given, state))
    assert repeated.probabilities == result.probabilities, (
        f"{name}: the same frames and state measured differently"
    )
    return result


# Embedding engines.


def _check_embedding_engine(used: EmbeddingEngine, fresh: EmbeddingEngine) -> None:
    found = {name: _embed(used, name, samples) for name, samples in _inputs().items()}
    assert found["a voice"].any(), "a voice: the zero vector, as for too little speech"
    for name in ("no samples", "one sample"):
        assert not found[name].any(), f"{name}: a voice was heard in them"
    for name in ("not-a-number", "infinite"):
        assert np.array_equal(found[name], found["silence"]), f"{name} samples are not silence"
    again = _embed(used, "a voice", _voice(120))
    assert np.array_equal(again, found["a voice"]), "a voice: the same samples gave another vector"
    first = _embed(fresh, "a voice", _voice(120))
    assert np.array_equal(first, found["a voice"]), (
        "a voice: a used engine answers unlike a fresh one"
    )
    _check_closing(used, lambda: used.embed(EmbeddingRequest(utterance=0, samples=_voice(120))))


def _embed(engine: EmbeddingEngine, name: str, samples: Samples) -> Vector:
    given = samples.copy()
    given.flags.writeable = False  # as samples are that lie in a message's bytes
    with _named(name, "embed"):
        vector = engine.embed(EmbeddingRequest(utterance=0, samples=given)).vector
    length = float(np.linalg.norm(vector))
    is_unit = not vector.any() or abs(length - 1) <= LENGTH_TOLERANCE
    assert is_unit, f"{name}: a vector of length {length}: expected 1, or 0 throughout"
    return vector


# All.


def _check_closing(engine: Engine, call: Callable[[], object]) -> None:
    for times in ("once", "twice"):
        with _named(f"closing {times}", "close"):
            engine.close()
    try:
        call()
    except ServerFault:
        return
    except Exception as error:
        raise AssertionError(f"once closed, {error!r} was raised, not ServerFault") from error
    raise AssertionError("once closed, the engine still answers")


def _check_unchanged(name: str, given: Samples, original: Samples) -> None:
    assert np.array_equal(given, original, equal_nan=True), f"{name}: the samples were changed"


@contextmanager
def _named(name: str, action: str) -> Iterator[None]:
    """Turn whatever the engine raises into the sentence that says where."""
    try:
        yield
    except Exception as error:
        raise AssertionError(f"{name}: {action} raised {error!r}") from error


def _inputs() -> dict[str, Samples]:
    """Return what an engine must take, by the name that a failure shows."""
    silence = np.zeros(FRAMES * FRAME_SAMPLES, np.float32)
    square = np.where(np.arange(silence.size) % 80 < 40, 1, -1).astype(np.float32)  # noqa: PLR2004
    return {
        "a voice": _voice(120),
        "no samples": silence[:0],
        "one sample": np.full(1, 0.5, np.float32),
        "silence": silence,
        "a full-scale square wave": square,
        "another voice": _voice(210),
        "not-a-number": np.full_like(silence, np.nan),
        "infinite": np.full_like(silence, -np.inf),
    }


def _voice(pitch_hz: int) -> Samples:
    """Return something between a buzz and a vowel, four syllables a second."""
    seconds = np.arange(FRAMES * FRAME_SAMPLES) / SAMPLE_RATE
    harmonics = range(1, 12)
    buzz = sum(np.sin(2 * np.pi * pitch_hz * k * seconds) / k for k in harmonics)
    return (0.2 * buzz * np.abs(np.sin(4 * np.pi * seconds))).astype(np.float32)
