"""Which checks an engine gets; what each of them finds is tested in checks/."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from scribewire.errors import ServerFault
from scribewire.recognition.requests import (
    DecodeRequest,
    DecodeResult,
    EmbeddingRequest,
    EmbeddingResult,
    StreamRequest,
    StreamResult,
    TurnRequest,
    TurnResult,
    VadRequest,
    VadResult,
)
from scribewire.testing import check_engine
from scribewire.testing.scripted import (
    SCRIPTED_TRAITS,
    ScriptedEngine,
    ScriptedStreamingEngine,
    ScriptedVad,
    draw_speech,
)


class Speech(ScriptedEngine):
    takes_any_prefix = True


class Streaming(ScriptedStreamingEngine):
    takes_any_prefix = True


class Voices:
    """Two kinds of engine in one: everybody has one voice, and nobody takes turns."""

    def __init__(self) -> None:
        self.is_closed = False

    def embed(self, request: EmbeddingRequest) -> EmbeddingResult:
        self._check_open()
        is_heard = request.samples.size > 1 and np.isfinite(request.samples).all()
        return EmbeddingResult(np.full(1, is_heard and request.samples.any(), np.float32))

    def find_turns(self, request: TurnRequest) -> TurnResult:
        self._check_open()
        return TurnResult(())

    def close(self) -> None:
        self.is_closed = True

    def _check_open(self) -> None:
        if self.is_closed:
            raise ServerFault("closed")


@pytest.mark.parametrize("make_engine", [Speech, Streaming, ScriptedVad, Voices])
def test_an_honest_engine_passes(make_engine: type[Speech | ScriptedVad | Voices]) -> None:
    check_engine(make_engine)


class CannotDecode(Speech):
    def decode(self, request: DecodeRequest) -> DecodeResult:
        raise KeyError(request.utterance)


class CannotMeasure(ScriptedVad):
    def measure(self, request: VadRequest) -> VadResult:
        raise KeyError(request.frames.size)


class CannotEmbed(Voices):
    def embed(self, request: EmbeddingRequest) -> EmbeddingResult:
        raise KeyError(request.utterance)


class CannotFindTurns(Voices):
    def find_turns(self, request: TurnRequest) -> TurnResult:
        raise KeyError(request.utterance)


class IgnoresPrefixes(Speech):
    def decode(self, request: DecodeRequest) -> DecodeResult:
        assert not request.prefix, "what is it good for?"
        return super().decode(request)


class ClaimsToStream(Speech):
    traits = replace(SCRIPTED_TRAITS, is_streaming=True)


class CannotStream(Streaming):
    def decode_stream(self, request: StreamRequest) -> StreamResult:
        raise KeyError(request.utterance)


class ClosesOnce(Speech):
    is_closed = False

    def close(self) -> None:
        if self.is_closed:
            raise RuntimeError("already closed")
        self.is_closed = True
        super().close()


class NeverCloses(Speech):
    def close(self) -> None:
        pass


class CrashesOnceClosed(Voices):
    def _check_open(self) -> None:
        if self.is_closed:
            raise AttributeError("no session")


class ClosesHalf(Voices):
    def find_turns(self, request: TurnRequest) -> TurnResult:
        return TurnResult(())


BROKEN = [
    (CannotDecode, "a voice: decode raised KeyError"),
    (ClaimsToStream, "`is_streaming` is True, and there is no `decode_stream`"),
    (CannotStream, "speech: decode_stream raised KeyError"),
    (CannotMeasure, "a voice: measure raised KeyError"),
    (CannotEmbed, "a voice: embed raised KeyError"),
    (CannotFindTurns, "a voice: find_turns raised KeyError"),
    (ClosesOnce, "closing twice: close raised RuntimeError"),
    (NeverCloses, "once closed, the engine still answers"),
    (ClosesHalf, "once closed, the engine still answers"),
    (CrashesOnceClosed, "AttributeError('no session') was raised, not ServerFault"),
]


@pytest.mark.parametrize(("make_engine", "sentence"), BROKEN)
def test_a_broken_engine_is_told_what_it_breaks(
    make_engine: Callable[[], Speech | ScriptedVad | Voices], sentence: str
) -> None:
    with pytest.raises(AssertionError) as caught:
        check_engine(make_engine)

    assert sentence in str(caught.value)


def test_who_hears_nothing_in_a_buzz_is_checked_on_speech() -> None:
    with pytest.raises(AssertionError, match="a prefix of 1 tokens: decode raised"):
        check_engine(IgnoresPrefixes, speech=draw_speech("..hello.."))


def test_both_engines_are_closed_whatever_happens() -> None:
    made: list[CannotFindTurns] = []

    def make() -> CannotFindTurns:
        made.append(CannotFindTurns())
        return made[-1]

    with pytest.raises(AssertionError):
        check_engine(make)

    assert [engine.is_closed for engine in made] == [True, True]


def test_something_else_is_no_engine() -> None:
    class Door:
        def close(self) -> None:
            pass

    with pytest.raises(AssertionError, match="none of `decode`, `measure`, `embed` and"):
        check_engine(Door)  # type: ignore[arg-type]  # on purpose
