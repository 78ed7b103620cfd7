"""What a recognizer asks of the engines, and what it is told.

Inference is I/O: the recognizer never calls a model. `next_request` hands out these values,
somebody runs them somewhere, and `receive_result` brings the answers back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scribewire.types import Samples

FRAME_SAMPLES = 512  # 32 ms at 16 kHz: the only window the Silero VAD accepts


@dataclass(frozen=True, slots=True)
class Token:
    """One unit of the model's vocabulary, as decoded."""

    id: int
    logprob: float
    """Natural logarithm of the probability that the model gave it."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What an engine heard in one stretch of audio."""

    text: str
    """Punctuated and cased, without space at either end; empty when nothing was heard."""
    tokens: tuple[Token, ...]
    """The tokens of `text` in order, without the marks of beginning and end."""
    is_complete: bool = True
    """False when the token guard stopped a decode that had not ended by itself."""


@dataclass(frozen=True, slots=True)
class VadRequest:
    """Measure the speech in consecutive frames of one stream. Required: never dropped."""

    frames: Samples
    """Shape (count x FRAME_SAMPLES,): whole frames, in order."""
    state: object
    """What the previous `VadResult` of the stream carried; None on the first request."""


@dataclass(frozen=True, slots=True)
class VadResult:
    """The answer to a `VadRequest`."""

    probabilities: tuple[float, ...]
    """Probability of speech, one for each frame, 0 to 1."""
    state: object
    """Opaque; goes into the stream's next request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeRequest:
    """Turn one stretch of speech into text."""

    utterance: int
    """Number of the utterance in its stream, from 0."""
    samples: Samples
    """The speech and a little of what surrounds it."""
    end_sample: int
    """Where in the stream `samples` ends."""
    is_required: bool
    """True: the answer shapes a final; may wait, may not be dropped. False: a partial, which
    may be answered with None or replaced by a newer one."""


@dataclass(frozen=True, slots=True)
class DecodeResult:
    """The answer to a `DecodeRequest`."""

    hypothesis: Hypothesis | None
    """None only when the request was not required and has been dropped."""


Request = VadRequest | DecodeRequest
Result = VadResult | DecodeResult
