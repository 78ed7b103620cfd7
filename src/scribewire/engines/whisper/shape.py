"""How large what the library is asked is: requests of one shape can be asked in one call."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scribewire.engines.whisper.abilities import MAX_SAMPLES, MAX_WIDTH, WINDOW_SAMPLES
from scribewire.engines.whisper.features import HOP_SAMPLES
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.recognition.requests import DecodeRequest

FRAME_SAMPLES: Final = 2 * HOP_SAMPLES  # 20 ms: one frame of the encoder's output
MAX_LENGTH: Final = 448  # tokens, known ones and marks included
PARTIAL_GRID_SAMPLES: Final = SAMPLE_RATE // 2  # partials of a GPU end in silence up to here
MAX_PROMPT_TOKENS: Final = 223  # as in its training: half of what the decoder takes, less a mark


@dataclass(frozen=True, slots=True, kw_only=True)
class WhisperRules:
    """How a Whisper model is asked, beside what is calibrated for every model."""

    pad_after_samples: int
    """Silence behind the audio of a final: with less, the decoder does not find its end."""
    partial_pad_after_samples: int
    """The same of a partial, which can do with less: the next one comes soon."""
    max_tokens_per_second: float
    """Nobody speaks faster; a decode that goes on is stopped."""
    max_heard_tokens_per_second: float
    """More in the last moments of the audio were not heard; see tail.py."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchShape:
    """What the library is to be asked in one call for all of a batch."""

    samples: int
    """With the silence behind them: none is padded to the length of another."""
    most_tokens: int
    """At which a decode that goes on is stopped."""
    prefix: int
    """Tokens of it."""
    prompt: int
    """Tokens of it."""
    width: int
    is_required: bool


def shape_of(
    request: DecodeRequest, rules: WhisperRules, *, is_batched: bool = False
) -> BatchShape:
    """Return the shape of one request.

    Where partials are decoded in batches there are few shapes of them: some are given a little more
    silence. Of finals each keeps its own, so that company does not change them.
    """
    pad = rules.pad_after_samples if request.is_required else rules.partial_pad_after_samples
    size = request.samples.size
    if is_batched and not request.is_required:
        size = -(-size // PARTIAL_GRID_SAMPLES) * PARTIAL_GRID_SAMPLES
    guard = rules.max_tokens_per_second * size / SAMPLE_RATE
    return BatchShape(
        samples=whole_frames(min(size, MAX_SAMPLES) + pad),
        most_tokens=min(math.ceil(guard), MAX_LENGTH // 2),
        prefix=len(request.prefix),
        prompt=min(len(request.prompt), MAX_PROMPT_TOKENS),
        width=min(request.width, MAX_WIDTH),
        is_required=request.is_required,
    )


def whole_frames(samples: int) -> int:
    """Return how many samples the encoder is given, which halves the frames of the features."""
    return -(-min(samples, WINDOW_SAMPLES) // FRAME_SAMPLES) * FRAME_SAMPLES
