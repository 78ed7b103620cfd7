"""Each check must be able to fail: the scripted engine, and many that break a promise."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from scribewire.recognition.requests import Hypothesis, StreamRequest, StreamResult
from scribewire.testing.checks.streaming import check_streaming
from scribewire.testing.scripted import SCRIPTED_TRAITS, ScriptedStreamingEngine, draw_speech

SPEECH = draw_speech("..hello there..")
NOTHING = Hypothesis("", ())


def test_an_honest_engine_passes() -> None:
    check_streaming(ScriptedStreamingEngine(), ScriptedStreamingEngine(), SPEECH)


class ClaimsNothing(ScriptedStreamingEngine):
    traits = replace(SCRIPTED_TRAITS, is_streaming=False)


class HasNoHypothesis(ScriptedStreamingEngine):
    def decode_stream(self, request: StreamRequest) -> StreamResult:
        return replace(super().decode_stream(request), hypothesis=None)


class KeepsOneState(ScriptedStreamingEngine):
    """One state for all streams, and new only where a request has none."""

    _state: bytes | None = None

    def decode_stream(self, request: StreamRequest) -> StreamResult:
        state = None if request.state is None else self._state
        result = super().decode_stream(replace(request, state=state))
        self._state = result.state
        return result


class ForgetsNothing(ScriptedStreamingEngine):
    """Goes on where it was, whosever utterance begins."""

    _state: bytes | None = None

    def decode_stream(self, request: StreamRequest) -> StreamResult:
        result = super().decode_stream(replace(request, state=self._state))
        self._state = result.state
        return result


class ForgetsItsState(ScriptedStreamingEngine):
    """Says the newest piece only."""

    def decode_stream(self, request: StreamRequest) -> StreamResult:
        return super().decode_stream(replace(request, state=None))


class DiffersFromItsTwin(ScriptedStreamingEngine):
    made = 0

    def __init__(self) -> None:
        super().__init__()
        DiffersFromItsTwin.made += 1
        self._is_deaf = DiffersFromItsTwin.made % 2 == 0

    def decode_stream(self, request: StreamRequest) -> StreamResult:
        result = super().decode_stream(request)
        return replace(result, hypothesis=NOTHING) if self._is_deaf else result


class KeepsAnObject(ScriptedStreamingEngine):
    def decode_stream(self, request: StreamRequest) -> StreamResult:
        result = super().decode_stream(replace(request, state=None))
        return replace(result, state=object())  # type: ignore[arg-type]  # on purpose


class NeedsSamples(ScriptedStreamingEngine):
    def decode_stream(self, request: StreamRequest) -> StreamResult:
        assert request.samples.size, "nothing to add"
        return super().decode_stream(request)


class HearsNotANumber(ScriptedStreamingEngine):
    def decode_stream(self, request: StreamRequest) -> StreamResult:
        odd = np.isnan(request.samples)
        spelled = draw_speech("x" * (request.samples.size // 512))
        samples = spelled if odd.any() else request.samples
        return super().decode_stream(replace(request, samples=samples))


class BelongsToItsThread(ScriptedStreamingEngine):
    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.current_thread()

    def decode_stream(self, request: StreamRequest) -> StreamResult:
        result = super().decode_stream(request)
        is_own = threading.current_thread() is self._thread
        return result if is_own else replace(result, hypothesis=NOTHING)


BROKEN: list[tuple[Callable[[], ScriptedStreamingEngine], str]] = [
    (ClaimsNothing, "`decode_stream` is there, and `is_streaming` is False"),
    (HasNoHypothesis, "speech: a piece that was run has no hypothesis"),
    (ForgetsNothing, "1 pieces: the same samples decoded to another text"),
    (ForgetsItsState, "3 pieces: "),
    (KeepsOneState, "two streams in turn: one changes the other's text"),
    (DiffersFromItsTwin, "speech: a used engine answers unlike a fresh one"),
    (KeepsAnObject, "speech: packing the result raised TypeError"),
    (NeedsSamples, "no samples: decode_stream raised AssertionError"),
    (HearsNotANumber, "not-a-number samples do not count as silence"),
    (BelongsToItsThread, "speech: another text when several threads decode at once"),
]


@pytest.mark.parametrize(("make_engine", "sentence"), BROKEN)
def test_a_broken_engine_is_told_what_it_breaks(
    make_engine: Callable[[], ScriptedStreamingEngine], sentence: str
) -> None:
    with pytest.raises(AssertionError) as caught:
        check_streaming(make_engine(), make_engine(), SPEECH)

    assert sentence in str(caught.value)
