"""Does an engine keep its contract? The checks of `scribewire.engines.protocols`, to run."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

from scribewire.errors import ServerFault
from scribewire.recognition.requests import EmbeddingRequest, StreamRequest, TurnRequest, VadRequest
from scribewire.testing.checks.claims import check_claims
from scribewire.testing.checks.hypotheses import request_for
from scribewire.testing.checks.inputs import named, voice
from scribewire.testing.checks.speech import check_speech
from scribewire.testing.checks.streaming import check_streaming
from scribewire.testing.checks.vad import check_vad
from scribewire.testing.checks.voices import check_embedding, check_turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scribewire.engines.protocols import (
        EmbeddingEngine,
        SpeechEngine,
        StreamingEngine,
        TurnEngine,
        VadEngine,
    )
    from scribewire.types import Samples

Engine: TypeAlias = "SpeechEngine | StreamingEngine | VadEngine | EmbeddingEngine | TurnEngine"


def check_engine(make_engine: Callable[[], Engine], *, speech: Samples | None = None) -> None:
    """Raise AssertionError with a sentence that says which promise the engine breaks.

    `make_engine` is called twice, since a used engine must answer as a fresh one does. Both
    engines are closed afterwards. `speech` is a second or more in a language of the engine: an
    engine that hears nothing in a buzz shows with it that it can continue known words.
    """
    used, fresh = make_engine(), make_engine()
    try:
        calls = list(_check(used, fresh, voice(120) if speech is None else speech))
        assert calls, "the engine has none of `decode`, `measure`, `embed` and `find_turns`"
        _check_closing(used, calls)
    finally:
        for engine in (used, fresh):
            # What is wrong with `close` has been said by then; do not say it over another fault.
            with suppress(Exception):
                engine.close()


def _check(used: Engine, fresh: Engine, speech: Samples) -> Iterator[Callable[[], object]]:
    """Check all that the engine is, and give a call of each kind, to be made once it is closed."""
    samples = voice(120)
    if _is_speech_engine(used) and _is_speech_engine(fresh):
        check_speech(used, fresh)
        check_claims(used, speech)
        is_claimed, is_there = used.traits.is_streaming, _is_streaming_engine(used)
        assert is_there or not is_claimed, "`is_streaming` is True, and there is no `decode_stream`"
        decode = used.decode
        yield lambda: decode(request_for(samples))
    if _is_streaming_engine(used) and _is_streaming_engine(fresh):
        check_streaming(used, fresh, speech)
        decode_stream = used.decode_stream
        piece = StreamRequest(utterance=0, samples=samples, end_sample=0, state=None)
        yield lambda: decode_stream(piece)
    if _is_vad_engine(used) and _is_vad_engine(fresh):
        check_vad(used, fresh)
        measure = used.measure
        yield lambda: measure(VadRequest(samples, None))
    if _is_embedding_engine(used) and _is_embedding_engine(fresh):
        check_embedding(used, fresh)
        embed = used.embed
        yield lambda: embed(EmbeddingRequest(utterance=0, samples=samples))
    if _is_turn_engine(used) and _is_turn_engine(fresh):
        check_turns(used, fresh)
        find_turns = used.find_turns
        yield lambda: find_turns(TurnRequest(utterance=0, samples=samples))


def _is_speech_engine(engine: object) -> TypeGuard[SpeechEngine]:
    return hasattr(engine, "decode")


def _is_streaming_engine(engine: object) -> TypeGuard[StreamingEngine]:
    return hasattr(engine, "decode_stream")


def _is_vad_engine(engine: object) -> TypeGuard[VadEngine]:
    return hasattr(engine, "measure")


def _is_embedding_engine(engine: object) -> TypeGuard[EmbeddingEngine]:
    return hasattr(engine, "embed")


def _is_turn_engine(engine: object) -> TypeGuard[TurnEngine]:
    return hasattr(engine, "find_turns")


def _check_closing(engine: Engine, calls: list[Callable[[], object]]) -> None:
    for times in ("once", "twice"):
        with named(f"closing {times}", "close"):
            engine.close()
    for call in calls:
        _check_refused(call)


def _check_refused(call: Callable[[], object]) -> None:
    try:
        call()
    except ServerFault:
        return
    except Exception as error:
        raise AssertionError(f"once closed, {error!r} was raised, not ServerFault") from error
    raise AssertionError("once closed, the engine still answers")
