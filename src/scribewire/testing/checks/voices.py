"""What every engine owes that tells voices apart, or finds where they take turns."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from scribewire.recognition.requests import MAX_TURN_SAMPLES, EmbeddingRequest, TurnRequest
from scribewire.testing.checks.inputs import (
    call_side_by_side,
    check_travels,
    inputs,
    named,
    read_only,
    voice,
)

if TYPE_CHECKING:
    from scribewire.engines.protocols import EmbeddingEngine, TurnEngine
    from scribewire.recognition.requests import Turn
    from scribewire.types import Samples, Vector

LENGTH_TOLERANCE = 1e-3  # of a unit vector in float32
NAMES = ("a voice", "another voice", "a voice", "another voice")  # for as many threads


def check_embedding(used: EmbeddingEngine, fresh: EmbeddingEngine) -> None:
    """Raise AssertionError when a promise about vectors is broken."""
    found = {name: _embed(used, name, samples) for name, samples in inputs().items()}
    assert found["a voice"].any(), "a voice: the zero vector, as for too little speech"
    for name in ("no samples", "one sample"):
        assert not found[name].any(), f"{name}: a voice was heard in them"
    for name in ("not-a-number", "infinite"):
        assert np.array_equal(found[name], found["silence"]), f"{name} samples are not silence"
    again = _embed(used, "a voice", voice(120))
    assert np.array_equal(again, found["a voice"]), "a voice: the same samples gave another vector"
    first = _embed(fresh, "a voice", voice(120))
    assert np.array_equal(first, found["a voice"]), (
        "a voice: a used engine answers unlike a fresh one"
    )
    calls = [partial(_embed, used, name, inputs()[name]) for name in NAMES]
    for name, vector in zip(NAMES, call_side_by_side(calls), strict=True):
        assert np.array_equal(vector, found[name]), (
            f"{name}: another vector when several threads embed at once"
        )


def _embed(engine: EmbeddingEngine, name: str, samples: Samples) -> Vector:
    with named(name, "embed"):
        vector = engine.embed(EmbeddingRequest(utterance=0, samples=read_only(samples))).vector
    length = float(np.linalg.norm(vector))
    is_unit = not vector.any() or abs(length - 1) <= LENGTH_TOLERANCE
    assert is_unit, f"{name}: a vector of length {length}: expected 1, or 0 throughout"
    return vector


def check_turns(used: TurnEngine, fresh: TurnEngine) -> None:
    """Raise AssertionError when a promise about turns is broken."""
    found = {name: _find_turns(used, name, samples) for name, samples in _dialogues().items()}
    for name, samples in _dialogues().items():
        again = _find_turns(used, name, samples)
        assert again == found[name], f"{name}: the same samples gave other turns"
    for name in ("not-a-number", "infinite"):
        assert found[name] == found["silence"], f"{name} samples are not silence"
    longest = "the most samples"
    first = _find_turns(fresh, longest, _dialogues()[longest])
    assert first == found[longest], f"{longest}: a used engine answers unlike a fresh one"
    calls = [partial(_find_turns, used, name, _dialogues()[name]) for name in NAMES]
    for name, turns in zip(NAMES, call_side_by_side(calls), strict=True):
        assert turns == found[name], f"{name}: other turns when several threads ask at once"


def _dialogues() -> dict[str, Samples]:
    low, high = voice(120), voice(210)
    taken = np.resize(np.concatenate([low, np.zeros_like(low), high]), MAX_TURN_SAMPLES)
    return {**inputs(), "the most samples": taken, "one sample less": taken[:-1]}


def _find_turns(engine: TurnEngine, name: str, samples: Samples) -> tuple[Turn, ...]:
    with named(name, "find_turns"):
        result = engine.find_turns(TurnRequest(utterance=0, samples=read_only(samples)))
    check_travels(name, result)
    turns = result.turns
    for turn in turns:
        is_inside = 0 <= turn.start < turn.end <= samples.size
        assert is_inside, f"{name}: a turn from {turn.start} to {turn.end} of {samples.size}"
    for before, after in pairwise(turns):
        assert before.end <= after.start, (
            f"{name}: a turn begins at {after.start}, before the one before it ends, {before.end}"
        )
    return turns
