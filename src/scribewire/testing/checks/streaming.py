"""What an engine owes that decodes an utterance piece by piece, with a state."""

from __future__ import annotations

from difflib import SequenceMatcher
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from scribewire.recognition.requests import StreamRequest, StreamResult
from scribewire.testing.checks.hypotheses import check_hypothesis
from scribewire.testing.checks.inputs import (
    call_side_by_side,
    check_travels,
    inputs,
    named,
    read_only,
)

if TYPE_CHECKING:
    from scribewire.engines.protocols import StreamingEngine
    from scribewire.recognition.requests import Hypothesis
    from scribewire.types import Samples

PIECES = (1, 3, 7, 40)  # into which the samples are cut
THREADS = 4
LIKENESS = 0.5  # of the letters: one piece of several alone has less


def check_streaming(used: StreamingEngine, fresh: StreamingEngine, speech: Samples) -> None:
    """Raise AssertionError when a promise about streams is broken."""
    assert used.traits.is_streaming, "`decode_stream` is there, and `is_streaming` is False"
    alone = {count: _decode_pieces(used, "speech", _cut(speech, count)) for count in PIECES}
    for count, found in alone.items():
        again = _decode_pieces(used, "speech", _cut(speech, count))
        assert again == found, f"{count} pieces: the same samples decoded to another text"
        # Not always the same: what waits for more to come differs, and near ties may.
        likeness = SequenceMatcher(a=alone[1].text, b=found.text, autojunk=False).ratio()
        is_same = likeness >= LIKENESS or alone[1].text.startswith(found.text)
        assert is_same, f"{count} pieces: {found.text!r}, in one: {alone[1].text!r}"
    first = _decode_pieces(fresh, "speech", _cut(speech, PIECES[1]))
    assert first == alone[PIECES[1]], "speech: a used engine answers unlike a fresh one"
    _check_inputs(used)
    _check_interleaved(used, speech, alone[PIECES[1]])
    calls = [partial(_decode_pieces, used, "speech", _cut(speech, 3)) for _ in range(THREADS)]
    for found in call_side_by_side(calls):
        assert found == alone[3], "speech: another text when several threads decode at once"


def _check_inputs(engine: StreamingEngine) -> None:
    found = {name: _decode_pieces(engine, name, [one]) for name, one in inputs().items()}
    assert found["no samples"].text == "", "no samples: text was heard in them"
    for name in ("not-a-number", "infinite"):
        assert found[name] == found["silence"], f"{name} samples do not count as silence"


def _check_interleaved(engine: StreamingEngine, speech: Samples, alone: Hypothesis) -> None:
    other: StreamResult | None = None
    mine: StreamResult | None = None
    for piece in _cut(speech, PIECES[1]):
        mine = _decode_piece(engine, "two streams", piece, mine)
        other = _decode_piece(engine, "two streams", piece[::-1], other)
    assert mine is not None
    assert mine.hypothesis == alone, "two streams in turn: one changes the other's text"


def _decode_pieces(engine: StreamingEngine, name: str, pieces: list[Samples]) -> Hypothesis:
    result: StreamResult | None = None
    for piece in pieces:
        result = _decode_piece(engine, name, piece, result)
    assert result is not None
    assert result.hypothesis is not None
    return result.hypothesis


def _decode_piece(
    engine: StreamingEngine, name: str, samples: Samples, before: StreamResult | None
) -> StreamResult:
    request = StreamRequest(
        utterance=0,
        samples=read_only(samples),
        end_sample=samples.size,
        state=before.state if before else None,
    )
    with named(name, "decode_stream"):
        result = engine.decode_stream(request)
    assert result.hypothesis is not None, f"{name}: a piece that was run has no hypothesis"
    check_hypothesis(name, result.hypothesis)
    check_travels(name, result)
    return result


def _cut(samples: Samples, count: int) -> list[Samples]:
    return list(np.array_split(samples, count))
