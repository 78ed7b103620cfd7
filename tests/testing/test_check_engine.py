"""Each check must be able to fail: one honest engine of either kind, and many that break it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from scribewire.errors import ServerFault
from scribewire.recognition.requests import (
    FRAME_SAMPLES,
    DecodeRequest,
    DecodeResult,
    EmbeddingRequest,
    EmbeddingResult,
    Hypothesis,
    Token,
    VadRequest,
    VadResult,
)
from scribewire.testing import check_engine
from scribewire.testing.scripted import SCRIPTED_CALIBRATION, SCRIPTED_TRAITS

if TYPE_CHECKING:
    from scribewire.types import Samples, Vector


class HonestSpeech:
    """Says how loud the samples are."""

    traits = SCRIPTED_TRAITS
    calibration = SCRIPTED_CALIBRATION

    def __init__(self) -> None:
        self._is_closed = False

    def decode(self, request: DecodeRequest) -> DecodeResult:
        if self._is_closed:
            raise ServerFault("closed")
        return DecodeResult(self.hear(np.nan_to_num(request.samples, posinf=0, neginf=0)))

    def hear(self, samples: Samples) -> Hypothesis:
        loudness = float(np.abs(samples).sum())
        if not loudness:
            return Hypothesis("", ())
        return Hypothesis(f"Loud {loudness:.3f}", (Token(7, -0.5),))

    def close(self) -> None:
        self._is_closed = True


class HonestVad:
    """Calls the running mean of the loudness a probability."""

    def __init__(self) -> None:
        self._is_closed = False

    def measure(self, request: VadRequest) -> VadResult:
        if self._is_closed:
            raise ServerFault("closed")
        mean = request.state if isinstance(request.state, float) else 0.0
        found = []
        frames = np.nan_to_num(request.frames, posinf=0, neginf=0).reshape(-1, FRAME_SAMPLES)
        for frame in frames:
            mean = 0.5 * mean + 0.5 * min(float(np.abs(frame).mean()), 1.0)
            found.append(mean)
        return VadResult(tuple(found), mean)

    def close(self) -> None:
        self._is_closed = True


@pytest.mark.parametrize("make_engine", [HonestSpeech, HonestVad])
def test_an_honest_engine_passes(make_engine: Callable[[], HonestSpeech | HonestVad]) -> None:
    check_engine(make_engine)


class Counts(HonestSpeech):
    calls = 0

    def hear(self, samples: Samples) -> Hypothesis:
        self.calls += 1
        return Hypothesis(f"Call {self.calls}", (Token(7, -0.5),))


class DiffersFromItsTwin(HonestSpeech):
    """Answers alike every time, and unlike every other instance."""

    def hear(self, samples: Samples) -> Hypothesis:
        return Hypothesis(f"Number {id(self)}", (Token(7, -0.5),))


class FailsOnNothing(HonestSpeech):
    def hear(self, samples: Samples) -> Hypothesis:
        assert samples.size > 1
        return super().hear(samples)


class HearsNothing(HonestSpeech):
    def hear(self, samples: Samples) -> Hypothesis:
        return super().hear(samples) if samples.size else Hypothesis("You", (Token(7, -0.5),))


class DropsWhatIsRequired(HonestSpeech):
    def decode(self, request: DecodeRequest) -> DecodeResult:
        super().decode(request)
        return DecodeResult(None)


class HearsNotANumber(HonestSpeech):
    def decode(self, request: DecodeRequest) -> DecodeResult:
        result = super().decode(request)
        is_odd = bool(np.isnan(request.samples).any())
        return DecodeResult(Hypothesis("Odd", (Token(7, -0.5),))) if is_odd else result


class HearsInfinity(HonestSpeech):
    def decode(self, request: DecodeRequest) -> DecodeResult:
        result = super().decode(request)
        is_odd = bool(np.isinf(request.samples).any())
        return DecodeResult(Hypothesis("Odd", (Token(7, -0.5),))) if is_odd else result


class ChangesSamples(HonestSpeech):
    def decode(self, request: DecodeRequest) -> DecodeResult:
        result = super().decode(request)
        if request.samples.flags.writeable:
            request.samples[:] = 0.25
        return result


class WritesIntoSamples(HonestSpeech):
    def decode(self, request: DecodeRequest) -> DecodeResult:
        samples = request.samples
        samples *= np.float32(1.0)
        return super().decode(request)


class FailsOnDrafts(HonestSpeech):
    def decode(self, request: DecodeRequest) -> DecodeResult:
        if request.draft:
            raise ValueError("what is this?")
        return super().decode(request)


class BelievesDrafts(HonestSpeech):
    def decode(self, request: DecodeRequest) -> DecodeResult:
        result = super().decode(request)
        return DecodeResult(Hypothesis("Seven", (Token(7, -0.5),))) if request.draft else result


class PadsText(HonestSpeech):
    def hear(self, samples: Samples) -> Hypothesis:
        return Hypothesis(" text ", (Token(7, -0.5),))


class HasNoTokens(HonestSpeech):
    def hear(self, samples: Samples) -> Hypothesis:
        return Hypothesis("text", ())


class GivesProbabilities(HonestSpeech):
    def hear(self, samples: Samples) -> Hypothesis:
        return Hypothesis("text", (Token(7, 0.9),))


class GivesNotANumber(HonestSpeech):
    def hear(self, samples: Samples) -> Hypothesis:
        return Hypothesis("text", (Token(7, float("nan")),))


class KnowsNoLanguage(HonestSpeech):
    traits = replace(SCRIPTED_TRAITS, languages=frozenset())


class NamesARegion(HonestSpeech):
    traits = replace(SCRIPTED_TRAITS, languages=frozenset({"en-US"}))


class ClosesOnce(HonestSpeech):
    def close(self) -> None:
        if self._is_closed:
            raise RuntimeError("already closed")
        super().close()


class NeverCloses(HonestSpeech):
    def close(self) -> None:
        pass


class CrashesOnceClosed(HonestSpeech):
    def decode(self, request: DecodeRequest) -> DecodeResult:
        if self._is_closed:
            raise AttributeError("no session")
        return super().decode(request)


BROKEN_SPEECH = [
    (Counts, "the same samples decoded to another text"),
    (DiffersFromItsTwin, "a voice: a used engine answers unlike a fresh one"),
    (FailsOnNothing, "no samples: decode raised AssertionError"),
    (HearsNothing, "no samples: text was heard"),
    (DropsWhatIsRequired, "a required request was dropped"),
    (HearsNotANumber, "not-a-number samples do not count as silence"),
    (HearsInfinity, "infinite samples do not count as silence"),
    (ChangesSamples, "a voice: the samples were changed"),
    (WritesIntoSamples, "decode of read-only samples raised"),
    (FailsOnDrafts, "its own draft: decode raised ValueError"),
    (BelievesDrafts, "a draft for no samples was believed"),
    (PadsText, "space at an end of the text ' text '"),
    (HasNoTokens, "the text 'text' has no tokens"),
    (GivesProbabilities, "0.9 is not the logarithm of a probability"),
    (GivesNotANumber, "nan is not the logarithm of a probability"),
    (KnowsNoLanguage, "`languages` is empty"),
    (NamesARegion, "language 'en-US' is no ISO 639-1 code"),
    (ClosesOnce, "closing twice: close raised RuntimeError"),
    (NeverCloses, "once closed, the engine still answers"),
    (CrashesOnceClosed, "was raised, not ServerFault"),
]


class KeepsTheState(HonestVad):
    """One state for all streams: the fault that a global VAD has."""

    _state: object = None

    def measure(self, request: VadRequest) -> VadResult:
        result = super().measure(VadRequest(request.frames, self._state))
        self._state = result.state
        return result


class MixesNeighbours(HonestVad):
    """A state that looks like the stream's, and is shared once it has begun."""

    _shared = 0.0

    def measure(self, request: VadRequest) -> VadResult:
        begun = request.state is not None
        result = super().measure(VadRequest(request.frames, self._shared if begun else None))
        if not request.frames.flags.writeable and isinstance(result.state, float):
            self._shared = result.state
        return result


class ForgetsTheState(HonestVad):
    def measure(self, request: VadRequest) -> VadResult:
        return super().measure(VadRequest(request.frames, None))


class MeasuresOnce(HonestVad):
    def measure(self, request: VadRequest) -> VadResult:
        result = super().measure(request)
        return VadResult(result.probabilities[:1], result.state)


class IsTooSure(HonestVad):
    def measure(self, request: VadRequest) -> VadResult:
        result = super().measure(request)
        return VadResult(tuple(100 * found for found in result.probabilities), result.state)


class HearsNotANumberInFrames(HonestVad):
    def measure(self, request: VadRequest) -> VadResult:
        result = super().measure(request)
        if np.isnan(request.frames).any():
            return VadResult((0.75,) * len(result.probabilities), result.state)
        return result


class HearsInfinityInFrames(HonestVad):
    def measure(self, request: VadRequest) -> VadResult:
        result = super().measure(request)
        if np.isinf(request.frames).any():
            return VadResult((0.75,) * len(result.probabilities), result.state)
        return result


class ChangesFrames(HonestVad):
    def measure(self, request: VadRequest) -> VadResult:
        result = super().measure(request)
        if request.frames.flags.writeable:
            request.frames[:] = 0.25
        return result


class WearsOut(HonestVad):
    calls = 0

    def measure(self, request: VadRequest) -> VadResult:
        self.calls += 1
        if self.calls > 4:
            return super().measure(VadRequest(request.frames * np.float32(0.5), request.state))
        return super().measure(request)


class NeverClosesVad(HonestVad):
    def close(self) -> None:
        pass


class FailsOnNoFrames(HonestVad):
    def measure(self, request: VadRequest) -> VadResult:
        if not request.frames.size:
            raise ValueError("nothing to measure")
        return super().measure(request)


BROKEN_VADS = [
    (KeepsTheState, "the same frames and state measured differently"),
    (MixesNeighbours, "two streams in turn: one changes the other's probabilities"),
    (ForgetsTheState, "frames in groups of 1 do not measure as all at once"),
    (MeasuresOnce, "1 probabilities for 24 frames"),
    (IsTooSure, "is not a probability"),
    (HearsNotANumberInFrames, "not-a-number samples do not count as silence"),
    (HearsInfinityInFrames, "infinite samples do not count as silence"),
    (ChangesFrames, "the samples were changed"),
    (WearsOut, "a used engine answers unlike a fresh one"),
    (FailsOnNoFrames, "no samples: measure raised ValueError"),
    (NeverClosesVad, "once closed, the engine still answers"),
]


@pytest.mark.parametrize(("make_engine", "sentence"), [*BROKEN_SPEECH, *BROKEN_VADS])
def test_a_broken_engine_is_told_what_it_breaks(
    make_engine: Callable[[], HonestSpeech | HonestVad], sentence: str
) -> None:
    with pytest.raises(AssertionError) as caught:
        check_engine(make_engine)

    assert sentence in str(caught.value)


def test_something_else_is_no_engine() -> None:
    class Door:
        def close(self) -> None:
            pass

    with pytest.raises(AssertionError, match="neither `decode` nor `measure` nor `embed`"):
        check_engine(Door)  # type: ignore[arg-type]  # on purpose


class HonestEmbedding:
    """Calls the loudness of each eighth a direction."""

    def __init__(self) -> None:
        self._is_closed = False

    def embed(self, request: EmbeddingRequest) -> EmbeddingResult:
        if self._is_closed:
            raise ServerFault("closed")
        return EmbeddingResult(self.point(np.nan_to_num(request.samples, posinf=0, neginf=0)))

    def point(self, samples: Samples) -> Vector:
        eighths = np.array([np.abs(part).sum() for part in np.array_split(samples, 8)], np.float32)
        length = np.linalg.norm(eighths)
        if not length or samples.size <= 1:
            return np.zeros(8, np.float32)
        return np.asarray(eighths / length, np.float32)

    def close(self) -> None:
        self._is_closed = True


class NotUnit(HonestEmbedding):
    def point(self, samples: Samples) -> Vector:
        return super().point(samples) * np.float32(2)


class KnowsNobody(HonestEmbedding):
    def point(self, samples: Samples) -> Vector:
        return np.zeros(8, np.float32)


class KnowsEverybody(HonestEmbedding):
    def point(self, samples: Samples) -> Vector:
        return np.asarray(np.eye(8)[0], np.float32)


class HearsVoicesDrift(HonestEmbedding):
    calls = 0

    def point(self, samples: Samples) -> Vector:
        self.calls += 1
        return np.asarray(np.roll(super().point(samples), min(self.calls, 3)), np.float32)


class Alone(HonestEmbedding):
    """Answers alike every time, and unlike every other instance."""

    made = 0

    def __init__(self) -> None:
        super().__init__()
        Alone.made += 1
        self._number = Alone.made

    def point(self, samples: Samples) -> Vector:
        return np.asarray(np.roll(super().point(samples), self._number), np.float32)


class EmbedsWhenClosed(HonestEmbedding):
    def close(self) -> None:
        pass


BROKEN_EMBEDDINGS: list[tuple[Callable[[], HonestEmbedding], str]] = [
    (NotUnit, "a voice: a vector of length 2"),
    (KnowsNobody, "a voice: the zero vector"),
    (KnowsEverybody, "no samples: a voice was heard in them"),
    (HearsVoicesDrift, "the same samples gave another vector"),
    (Alone, "a used engine answers unlike a fresh one"),
    (EmbedsWhenClosed, "once closed, the engine still answers"),
]


def test_an_honest_embedding_engine_passes() -> None:
    check_engine(HonestEmbedding)


@pytest.mark.parametrize(("make_engine", "sentence"), BROKEN_EMBEDDINGS)
def test_an_embedding_engine_that_breaks_a_promise_is_told_which(
    make_engine: Callable[[], HonestEmbedding], sentence: str
) -> None:
    with pytest.raises(AssertionError, match=sentence):
        check_engine(make_engine)
