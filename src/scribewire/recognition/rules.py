"""How a recognizer behaves: every length that shapes partials and finals, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scribewire.recognition.endpointer import EndpointRules
from scribewire.recognition.requests import FRAME_SAMPLES
from scribewire.types import SAMPLE_RATE, ms_to_samples

if TYPE_CHECKING:
    from scribewire.types import Mode

MAX_UTTERANCE_MS = 15_000  # a decode stays under about 0.2 s, and text under two caption screens
MIN_SPEECH_MS = 96  # three frames: shorter sounds are clicks, not words


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognizerRules:
    """The behaviour of one recognizer."""

    endpoint: EndpointRules
    """When utterances start and end."""
    pad_before_samples: int
    """Audio before the first speech frame that a decode hears too: soft onsets."""
    pad_after_samples: int
    """Audio after the last speech frame that a final's decode hears too: soft endings."""
    partial_interval_samples: int | None
    """Audio between two partials of an utterance; None sends none."""


def rules_for(
    mode: Mode,
    *,
    endpointing_ms: int | None = None,
    has_partials: bool = True,
    max_utterance_ms: int = MAX_UTTERANCE_MS,
) -> RecognizerRules:
    """Return the rules of a mode, with what a session may change about them.

    `fast` ends an utterance after 0.5 s of silence, `quality` after 0.8 s, and hears more of
    the silence around it (measured by bench/accuracy.py).
    """
    silence_ms, pad_after_ms = (500, 300) if mode == "fast" else (800, 600)
    silence_ms = endpointing_ms or silence_ms
    settle_ms = min(pad_after_ms, silence_ms)
    return RecognizerRules(
        endpoint=EndpointRules(
            min_speech=_frames(MIN_SPEECH_MS),
            settle_silence=_frames(settle_ms),
            end_silence=_frames(silence_ms),
            max_utterance=_frames(max_utterance_ms),
        ),
        pad_before_samples=ms_to_samples(300),
        pad_after_samples=_frames(settle_ms) * FRAME_SAMPLES,
        partial_interval_samples=SAMPLE_RATE // 2 if has_partials else None,
    )


def _frames(ms: int) -> int:
    """Return the frames that cover so many milliseconds, at least one."""
    return max(1, -(-ms_to_samples(ms) // FRAME_SAMPLES))
