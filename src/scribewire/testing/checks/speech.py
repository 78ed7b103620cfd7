"""What every engine that turns speech into text owes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from scribewire.testing.checks.hypotheses import decode, request_for
from scribewire.testing.checks.inputs import (
    call_side_by_side,
    check_unchanged,
    inputs,
    voice,
)
from scribewire.testing.checks.traits import check_calibration, check_traits

if TYPE_CHECKING:
    from scribewire.engines.protocols import SpeechEngine
    from scribewire.recognition.requests import Hypothesis

THREADS = 4


def check_speech(used: SpeechEngine, fresh: SpeechEngine) -> None:
    """Raise AssertionError when a promise about plain requests is broken."""
    assert callable(getattr(used, "__hash__", None)), "it cannot be hashed, as keys must"
    check_traits(used.traits)
    check_calibration(used.calibration, used.traits)
    asked = {name: request_for(samples) for name, samples in inputs().items()}
    found = {name: decode(used, name, request) for name, request in asked.items()}
    for name, request in asked.items():
        given = request.samples.copy()
        again = decode(used, name, replace(request, samples=given))
        check_unchanged(name, given, request.samples)
        assert again == found[name], f"{name}: the same samples decoded to another text"
    first = decode(fresh, "a voice", asked["a voice"])
    assert first == found["a voice"], "a voice: a used engine answers unlike a fresh one"
    for name in ("not-a-number", "infinite"):
        assert found[name] == found["silence"], f"{name} samples do not count as silence"
    assert found["no samples"].text == "", "no samples: text was heard in them"
    _check_shortest(used)
    _check_threads(used, found)


def _check_shortest(engine: SpeechEngine) -> None:
    shortest = engine.traits.min_window_samples
    below = decode(engine, "too few samples", request_for(voice(120, size=max(shortest - 1, 0))))
    assert below.text == "", "fewer than `min_window_samples`: text was heard in them"
    decode(engine, "`min_window_samples`", request_for(voice(120, size=shortest)))


def _check_threads(engine: SpeechEngine, alone: dict[str, Hypothesis]) -> None:
    names = ("a voice", "another voice") * (THREADS // 2)
    calls = [partial(decode, engine, name, request_for(inputs()[name])) for name in names]
    for name, found in zip(names, call_side_by_side(calls), strict=True):
        assert found == alone[name], f"{name}: another text when several threads decode at once"
