"""Where speech starts and ends in a recording: the yardstick that latencies are measured with.

It is found before the load, by the voice detector and the endpoint rules of a mode, so it is the
same for every run and for every system, and no system is asked when it thinks that speech ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scribewire.recognition.endpointer import (
    Endpointer,
    EndpointRules,
    UtteranceCut,
    UtteranceEnded,
    UtteranceStarted,
)
from scribewire.recognition.requests import FRAME_SAMPLES, VadRequest
from scribewire.types import samples_to_ms

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scribewire.engines.protocols import VadEngine
    from scribewire.types import Samples


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenUtterance:
    """Speech between two endpoints of a stream."""

    start_ms: int
    end_ms: int
    settled_ms: int | None
    """Where the silence ends that makes it an endpoint: no final can come before that was heard.
    None when the endpoint rules of a system are not known."""
    is_cut: bool = False
    """Whether it was too long and ends inside speech: then nobody stopped speaking at `end_ms`."""


def find_utterances(
    samples: Samples, vad: VadEngine, rules: EndpointRules
) -> tuple[SpokenUtterance, ...]:
    """Return the utterances of a whole stream in order; a part of a frame at its end is lost."""
    frames = samples[: samples.size - samples.size % FRAME_SAMPLES]
    if not frames.size:
        return ()
    return place_utterances(vad.measure(VadRequest(frames, None)).probabilities, rules)


def place_utterances(
    probabilities: Iterable[float], rules: EndpointRules
) -> tuple[SpokenUtterance, ...]:
    """Return the utterances that one speech probability per frame amounts to."""
    endpointer = Endpointer(rules)
    utterances: list[SpokenUtterance] = []
    start = count = 0

    def close(frame: int, *, is_cut: bool) -> None:
        utterances.append(
            SpokenUtterance(
                start_ms=_frame_ms(start),
                end_ms=_frame_ms(frame),
                settled_ms=_frame_ms(count),
                is_cut=is_cut,
            )
        )

    for count, probability in enumerate(probabilities, start=1):  # noqa: B007 - `close` reads it
        match endpointer.accept_frame(probability):
            case UtteranceStarted(frame):
                start = frame
            case UtteranceEnded(frame):
                close(frame, is_cut=False)
            case UtteranceCut(frame):
                close(frame, is_cut=True)
                start = frame
    if (last := endpointer.receive_end()) is not None:
        close(last.frame, is_cut=False)
    return tuple(utterances)


def _frame_ms(frame: int) -> int:
    return samples_to_ms(frame * FRAME_SAMPLES)
