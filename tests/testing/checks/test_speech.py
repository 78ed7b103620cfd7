"""Each check must be able to fail: one honest engine, and many that break a promise."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from scribewire.recognition.requests import DecodeRequest, DecodeResult, Hypothesis, Token
from scribewire.testing.checks.speech import check_speech
from scribewire.testing.scripted import SCRIPTED_CALIBRATION, SCRIPTED_TRAITS

if TYPE_CHECKING:
    from scribewire.types import Samples

SILENT = Hypothesis("", ())


def say(text: str) -> Hypothesis:
    return Hypothesis(text, (Token(7, -0.5, text),))


class HonestSpeech:
    """Says how loud the samples are."""

    traits = SCRIPTED_TRAITS
    calibration = SCRIPTED_CALIBRATION

    def decode(self, request: DecodeRequest) -> DecodeResult:
        return DecodeResult(self.hear(np.nan_to_num(request.samples, posinf=0, neginf=0)))

    def hear(self, samples: Samples) -> Hypothesis:
        if samples.size < self.traits.min_window_samples or not samples.any():
            return SILENT
        return say(f"Loud {float(np.abs(samples).sum()):.3f}")

    def close(self) -> None:
        pass


def test_an_honest_engine_passes() -> None:
    check_speech(HonestSpeech(), HonestSpeech())


class Counts(HonestSpeech):
    calls = 0

    def hear(self, samples: Samples) -> Hypothesis:
        self.calls += 1
        return say(f"Call {self.calls}")


class DiffersFromItsTwin(HonestSpeech):
    """Answers alike every time, and unlike every other instance."""

    def hear(self, samples: Samples) -> Hypothesis:
        return say(f"Number {id(self)}")


class FailsOnNothing(HonestSpeech):
    def hear(self, samples: Samples) -> Hypothesis:
        assert samples.size > 1
        return super().hear(samples)


class HearsNothing(HonestSpeech):
    def hear(self, samples: Samples) -> Hypothesis:
        return super().hear(samples) if samples.size else say("You")


class DropsWhatIsRequired(HonestSpeech):
    def decode(self, request: DecodeRequest) -> DecodeResult:
        super().decode(request)
        return DecodeResult(None)


class HearsNotANumber(HonestSpeech):
    def decode(self, request: DecodeRequest) -> DecodeResult:
        result = super().decode(request)
        is_odd = bool(np.isnan(request.samples).any())
        return DecodeResult(say("Odd")) if is_odd else result


class HearsInfinity(HonestSpeech):
    def decode(self, request: DecodeRequest) -> DecodeResult:
        result = super().decode(request)
        is_odd = bool(np.isinf(request.samples).any())
        return DecodeResult(say("Odd")) if is_odd else result


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


class HearsASyllable(HonestSpeech):
    def hear(self, samples: Samples) -> Hypothesis:
        return say("Uh") if 1 < samples.size < 600 else super().hear(samples)


class NeedsMore(HonestSpeech):
    traits = replace(SCRIPTED_TRAITS, min_window_samples=600)

    def hear(self, samples: Samples) -> Hypothesis:
        assert samples.size != 600
        return super().hear(samples)


class BelongsToItsThread(HonestSpeech):
    def __init__(self) -> None:
        self._thread = threading.current_thread()

    def hear(self, samples: Samples) -> Hypothesis:
        is_own = threading.current_thread() is self._thread
        return super().hear(samples) if is_own else SILENT


class FailsInThreads(BelongsToItsThread):
    def hear(self, samples: Samples) -> Hypothesis:
        assert threading.current_thread() is self._thread
        return super().hear(samples)


class KnowsNoLanguage(HonestSpeech):
    traits = replace(SCRIPTED_TRAITS, languages=frozenset())


class HasNoMode(HonestSpeech):
    calibration = replace(SCRIPTED_CALIBRATION, final_width={})


BROKEN: list[tuple[Callable[[], HonestSpeech], str]] = [
    (Counts, "the same samples decoded to another text"),
    (DiffersFromItsTwin, "a voice: a used engine answers unlike a fresh one"),
    (FailsOnNothing, "no samples: decode raised AssertionError"),
    (HearsNothing, "no samples: text was heard"),
    (DropsWhatIsRequired, "a required request was dropped"),
    (HearsNotANumber, "not-a-number samples do not count as silence"),
    (HearsInfinity, "infinite samples do not count as silence"),
    (ChangesSamples, "a voice: the samples were changed"),
    (WritesIntoSamples, "a voice: decode raised ValueError"),
    (HearsASyllable, "fewer than `min_window_samples`: text was heard in them"),
    (NeedsMore, "`min_window_samples`: decode raised AssertionError"),
    (BelongsToItsThread, "a voice: another text when several threads decode at once"),
    (FailsInThreads, "several threads at once: a voice: decode raised AssertionError"),
    (KnowsNoLanguage, "`languages` is empty"),
    (HasNoMode, "`final_width` names no mode"),
]


@pytest.mark.parametrize(("make_engine", "sentence"), BROKEN)
def test_a_broken_engine_is_told_what_it_breaks(
    make_engine: Callable[[], HonestSpeech], sentence: str
) -> None:
    with pytest.raises(AssertionError) as caught:
        check_speech(make_engine(), make_engine())

    assert sentence in str(caught.value)
