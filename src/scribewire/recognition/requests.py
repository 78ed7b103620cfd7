"""What a recognizer asks of the engines, and what it is told.

Inference is I/O: the recognizer never calls a model. `next_request` hands out these values,
somebody runs them somewhere, and `receive_result` brings the answers back. What holds an array is
equal to itself alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scribewire.types import Samples, Vector

FRAME_SAMPLES = 512  # 32 ms at 16 kHz: what one probability of speech is for
MAX_TURN_SAMPLES = 160_000  # 10 s: no more is looked at for turns at once


@dataclass(frozen=True, slots=True)
class Token:
    """One unit of the model's vocabulary, as decoded."""

    id: int
    logprob: float
    """Natural logarithm of the probability that the model gave it."""
    text: str = ""
    """Its letters, with the space before it if a word begins here; a character that took several
    tokens stands whole in the first of them."""
    start: int | None = None
    """First sample of the request in which it is spoken; None when times were not asked for."""
    end: int | None = None
    """Sample after its last one, not before `start`."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What an engine found in one stretch of audio."""

    text: str
    """Punctuated and cased, without space at either end; empty when nothing was found."""
    tokens: tuple[Token, ...]
    """The tokens of `text` in order, without the marks of beginning and end."""
    is_complete: bool = True
    """False when the token guard stopped a decode that had not ended by itself."""
    language: str | None = None
    """ISO 639-1 code of the language that was heard and written; None where nobody checked, or
    something else was heard than what was to be written."""


@dataclass(frozen=True, slots=True, eq=False)
class VadRequest:
    """Measure the speech in consecutive frames of one stream. Required: never dropped."""

    frames: Samples
    """Shape (count x FRAME_SAMPLES,): whole frames, in order."""
    state: bytes | None
    """What the previous `VadResult` of the stream carried; None on the first request."""


@dataclass(frozen=True, slots=True)
class VadResult:
    """The answer to a `VadRequest`."""

    probabilities: tuple[float, ...]
    """Probability of speech, one for each frame, 0 to 1."""
    state: bytes | None
    """Opaque; goes into the stream's next request."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
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
    is_awaited: bool = False
    """Whether nothing of the utterance has been shown yet: a partial that should not wait."""
    wants_times: bool = False
    """Whether each token of the answer has its start and end."""
    width: int = 1
    """How many hypotheses are followed side by side; 1 is greedy."""
    prefix: tuple[int, ...] = ()
    """Tokens already known to be what `samples` begins with; the answer holds what follows."""
    prompt: tuple[int, ...] = ()
    """Tokens of what was said before `samples`: how it may go on, not what is heard."""
    languages: tuple[str, ...] = ()
    """Those that may be spoken, of the engine's: one is what is written, of several the engine
    finds out; none means any."""
    expected: str | None = None
    """Of several, the one that was spoken before: another one takes strong evidence."""
    draft: tuple[int, ...] = ()
    """Tokens that probably follow, to save the engine work: it checks them, and may do without.
    Never for what is required, whose answer depends on nothing but the audio and what is known."""

    def __post_init__(self) -> None:
        assert not (self.draft and self.is_required), "a final is decoded without a draft"
        assert not self.draft or self.width == 1, "a draft is checked greedily"


@dataclass(frozen=True, slots=True)
class DecodeResult:
    """The answer to a `DecodeRequest`."""

    hypothesis: Hypothesis | None
    """None only when the request was not required and has been dropped."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class StreamRequest:
    """Decode what is new of one utterance, for a partial, with an engine that keeps a state.

    Those of one utterance come one at a time, each for what follows the last one that was run. One
    may wait, or be dropped: then the next holds its samples too.
    """

    utterance: int
    """Number of the utterance in its stream, from 0."""
    samples: Samples
    """Of the utterance, what the state does not know yet."""
    end_sample: int
    """Where in the stream `samples` ends."""
    state: bytes | None
    """What the last `StreamResult` of the utterance carried; None on its first request."""
    is_awaited: bool = False
    """Whether nothing of the utterance has been shown yet: a partial that should not wait."""


@dataclass(frozen=True, slots=True)
class StreamResult:
    """The answer to a `StreamRequest`."""

    hypothesis: Hypothesis | None
    """Of the whole utterance up to the end of the request; None when it has been dropped."""
    state: bytes | None
    """Opaque; goes into the utterance's next request. When dropped, that of the request."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class EmbeddingRequest:
    """Measure whose voice a stretch of speech is. Required: never dropped."""

    utterance: int
    """Number of the utterance in its stream, from 0."""
    samples: Samples
    """Speech, with as little else as can be."""


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingResult:
    """The answer to an `EmbeddingRequest`."""

    vector: Vector
    """Unit length; the cosine of two tells how alike the voices are. Zero: too little speech."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TurnRequest:
    """Find who takes turns in a stretch of one utterance. Required: never dropped."""

    utterance: int
    """Number of the utterance in its stream, from 0."""
    samples: Samples
    """At most MAX_TURN_SAMPLES."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A stretch in which one voice alone speaks."""

    voice: int
    """The same number, the same voice, inside one result only."""
    start: int
    """First sample of the request in which it speaks."""
    end: int
    """Sample after the last one."""


@dataclass(frozen=True, slots=True)
class TurnResult:
    """The answer to a `TurnRequest`."""

    turns: tuple[Turn, ...]
    """In their order, without overlap; two in a row may have one voice and a pause between."""


Request = VadRequest | DecodeRequest | StreamRequest | EmbeddingRequest | TurnRequest
Result = VadResult | DecodeResult | StreamResult | EmbeddingResult | TurnResult

PartialRequest = DecodeRequest | StreamRequest
PartialAnswer = DecodeResult | StreamResult


def is_for_partial(request: Request) -> bool:
    """Whether a request may wait and be dropped: no final follows from its answer."""
    return isinstance(request, StreamRequest) or (
        isinstance(request, DecodeRequest) and not request.is_required
    )


def drop(request: Request) -> PartialAnswer:
    """Return the answer to a request for a partial that nobody has run."""
    assert is_for_partial(request), "what is required cannot be dropped"
    if isinstance(request, StreamRequest):
        return StreamResult(None, request.state)
    return DecodeResult(None)
