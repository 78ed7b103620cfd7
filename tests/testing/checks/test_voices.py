"""Each check must be able to fail: one honest engine of either kind, and many that are not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from scribewire.recognition.requests import (
    MAX_TURN_SAMPLES,
    EmbeddingRequest,
    EmbeddingResult,
    Turn,
    TurnRequest,
    TurnResult,
)
from scribewire.testing.checks.voices import check_embedding, check_turns

if TYPE_CHECKING:
    from scribewire.types import Samples, Vector


class HonestEmbedding:
    """Calls the loudness of each eighth a direction."""

    def embed(self, request: EmbeddingRequest) -> EmbeddingResult:
        return EmbeddingResult(self.point(np.nan_to_num(request.samples, posinf=0, neginf=0)))

    def point(self, samples: Samples) -> Vector:
        eighths = np.array([np.abs(part).sum() for part in np.array_split(samples, 8)], np.float32)
        length = np.linalg.norm(eighths)
        if not length or samples.size <= 1:
            return np.zeros(8, np.float32)
        return np.asarray(eighths / length, np.float32)

    def close(self) -> None:
        pass


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
        Alone.made += 1
        self._number = Alone.made

    def point(self, samples: Samples) -> Vector:
        return np.asarray(np.roll(super().point(samples), self._number), np.float32)


class EmbedsInItsThread(HonestEmbedding):
    def __init__(self) -> None:
        self._thread = threading.current_thread()

    def point(self, samples: Samples) -> Vector:
        is_own = threading.current_thread() is self._thread
        return np.asarray(np.roll(super().point(samples), 0 if is_own else 1), np.float32)


BROKEN_EMBEDDINGS: list[tuple[Callable[[], HonestEmbedding], str]] = [
    (NotUnit, "a voice: a vector of length 2"),
    (KnowsNobody, "a voice: the zero vector"),
    (KnowsEverybody, "no samples: a voice was heard in them"),
    (HearsVoicesDrift, "the same samples gave another vector"),
    (Alone, "a used engine answers unlike a fresh one"),
    (EmbedsInItsThread, "a voice: another vector when several threads embed at once"),
]


def test_an_honest_embedding_engine_passes() -> None:
    check_embedding(HonestEmbedding(), HonestEmbedding())


@pytest.mark.parametrize(("make_engine", "sentence"), BROKEN_EMBEDDINGS)
def test_a_broken_embedding_engine_is_told_what_it_breaks(
    make_engine: Callable[[], HonestEmbedding], sentence: str
) -> None:
    with pytest.raises(AssertionError, match=sentence):
        check_embedding(make_engine(), make_engine())


class HonestTurns:
    """Calls each half of what is loud enough a turn."""

    def find_turns(self, request: TurnRequest) -> TurnResult:
        samples = np.nan_to_num(request.samples, posinf=0, neginf=0)
        return TurnResult(self.halve(samples) if samples.any() else ())

    def halve(self, samples: Samples) -> tuple[Turn, ...]:
        middle, size = samples.size // 2, samples.size
        spans = [(0, 0, middle), (1, middle, size)]
        return tuple(Turn(voice=v, start=a, end=b) for v, a, b in spans if a < b)

    def close(self) -> None:
        pass


class CutsNothingOff(HonestTurns):
    """Gives the turns of its whole window, however little was asked about."""

    def halve(self, samples: Samples) -> tuple[Turn, ...]:
        return (Turn(voice=0, start=0, end=MAX_TURN_SAMPLES),)


class GivesEmptyTurns(HonestTurns):
    def halve(self, samples: Samples) -> tuple[Turn, ...]:
        return (Turn(voice=0, start=0, end=0),)


class GivesOverlaps(HonestTurns):
    def halve(self, samples: Samples) -> tuple[Turn, ...]:
        return tuple(replace(turn, end=samples.size) for turn in super().halve(samples))


class GivesDisorder(HonestTurns):
    def halve(self, samples: Samples) -> tuple[Turn, ...]:
        return super().halve(samples)[::-1]


class TakesHalfTheMost(HonestTurns):
    def halve(self, samples: Samples) -> tuple[Turn, ...]:
        assert samples.size < MAX_TURN_SAMPLES, "too long"
        return super().halve(samples)


class NeedsSamples(HonestTurns):
    def find_turns(self, request: TurnRequest) -> TurnResult:
        assert request.samples.size, "nothing to look at"
        return super().find_turns(request)


class HearsNotANumber(HonestTurns):
    def find_turns(self, request: TurnRequest) -> TurnResult:
        return super().find_turns(replace(request, samples=np.nan_to_num(request.samples, nan=1)))


class WritesIntoSamples(HonestTurns):
    def find_turns(self, request: TurnRequest) -> TurnResult:
        samples = request.samples
        samples *= np.float32(1.0)
        return super().find_turns(request)


class FindsOtherTurns(HonestTurns):
    calls = 0

    def halve(self, samples: Samples) -> tuple[Turn, ...]:
        self.calls += 1
        return (Turn(voice=self.calls, start=0, end=samples.size),)


class DiffersFromItsTwin(HonestTurns):
    def halve(self, samples: Samples) -> tuple[Turn, ...]:
        return (Turn(voice=id(self), start=0, end=samples.size),)


class LooksInItsThread(HonestTurns):
    def __init__(self) -> None:
        self._thread = threading.current_thread()

    def halve(self, samples: Samples) -> tuple[Turn, ...]:
        return super().halve(samples) if threading.current_thread() is self._thread else ()


BROKEN_TURNS: list[tuple[Callable[[], HonestTurns], str]] = [
    (CutsNothingOff, "a voice: a turn from 0 to 160000 of 12288"),
    (GivesEmptyTurns, "a voice: a turn from 0 to 0 of 12288"),
    (GivesOverlaps, "a voice: a turn begins at 6144, before the one before it ends, 12288"),
    (GivesDisorder, "a voice: a turn begins at 0, before the one before it ends, 12288"),
    (TakesHalfTheMost, "the most samples: find_turns raised AssertionError"),
    (NeedsSamples, "no samples: find_turns raised AssertionError"),
    (HearsNotANumber, "not-a-number samples are not silence"),
    (WritesIntoSamples, "a voice: find_turns raised ValueError"),
    (FindsOtherTurns, "a voice: the same samples gave other turns"),
    (DiffersFromItsTwin, "the most samples: a used engine answers unlike a fresh one"),
    (LooksInItsThread, "a voice: other turns when several threads ask at once"),
]


def test_an_honest_turn_engine_passes() -> None:
    check_turns(HonestTurns(), HonestTurns())


@pytest.mark.parametrize(("make_engine", "sentence"), BROKEN_TURNS)
def test_a_broken_turn_engine_is_told_what_it_breaks(
    make_engine: Callable[[], HonestTurns], sentence: str
) -> None:
    with pytest.raises(AssertionError) as caught:
        check_turns(make_engine(), make_engine())

    assert sentence in str(caught.value)
