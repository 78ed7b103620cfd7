"""Ask a speech engine for a hypothesis, and look at what every hypothesis must be."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from scribewire.recognition.requests import DecodeRequest
from scribewire.testing.checks.inputs import check_travels, named, read_only

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scribewire.engines.protocols import SpeechEngine
    from scribewire.recognition.requests import Hypothesis, Token
    from scribewire.types import Samples

LOGPROB_TOLERANCE = 1e-6  # above 0, for rounding


def request_for(samples: Samples) -> DecodeRequest:
    """Return the plainest request, that of a final."""
    return DecodeRequest(
        utterance=0, samples=read_only(samples), end_sample=samples.size, is_required=True
    )


def decode(engine: SpeechEngine, name: str, request: DecodeRequest) -> Hypothesis:
    """Return the hypothesis of a required request, once it has been looked at."""
    hypothesis = decode_if_wanted(engine, name, request)
    assert hypothesis is not None, f"{name}: a required request was dropped"
    return hypothesis


def decode_if_wanted(engine: SpeechEngine, name: str, request: DecodeRequest) -> Hypothesis | None:
    """Return the hypothesis once it has been looked at; None where the engine dropped it."""
    with named(name, "decode"):
        result = engine.decode(request)
    hypothesis = result.hypothesis
    if hypothesis is not None:
        check_hypothesis(name, hypothesis)
        _check_times(name, hypothesis.tokens, request)
    check_travels(name, result)
    return hypothesis


def ids_of(hypothesis: Hypothesis) -> tuple[int, ...]:
    """Return its tokens as a prefix or a draft takes them."""
    return tuple(token.id for token in hypothesis.tokens)


def check_hypothesis(name: str, hypothesis: Hypothesis) -> None:
    """Raise AssertionError when text and tokens do not belong together."""
    text, tokens = hypothesis.text, hypothesis.tokens
    assert text == text.strip(), f"{name}: space at an end of the text {text!r}"
    assert not text or tokens, f"{name}: the text {text!r} has no tokens"
    spelled = "".join(token.text for token in tokens).strip()
    assert spelled == text, f"{name}: the tokens spell {spelled!r}, the text is {text!r}"
    for token in tokens:
        is_probability = math.isfinite(token.logprob) and token.logprob <= LOGPROB_TOLERANCE
        assert is_probability, f"{name}: {token.logprob} is not the logarithm of a probability"


def _check_times(name: str, tokens: Sequence[Token], request: DecodeRequest) -> None:
    edges = [(token.start, token.end) for token in tokens]
    if not request.wants_times:
        assert all(edge == (None, None) for edge in edges), f"{name}: times that nobody asked for"
        return
    spans = [(start, end) for start, end in edges if start is not None and end is not None]
    assert len(spans) == len(edges), f"{name}: a token without its times"
    size = request.samples.size
    for start, end in spans:
        assert 0 <= start <= end <= size, f"{name}: a token from {start} to {end} of {size} samples"
    for before, after in pairwise(spans):
        is_ordered = before[0] <= after[0] and before[1] <= after[1]
        assert is_ordered, f"{name}: the times {before} and then {after} are out of order"
