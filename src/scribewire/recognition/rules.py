"""How a recognizer behaves: every length that shapes partials and finals, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scribewire.recognition.endpointer import EndpointRules
from scribewire.recognition.requests import FRAME_SAMPLES
from scribewire.recognition.stability import partial_stability
from scribewire.types import SAMPLE_RATE, ms_to_samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from scribewire.recognition.stabilizer import ShownText
    from scribewire.types import Mode

MAX_UTTERANCE_MS = 15_000  # a decode stays under about 0.2 s, and text under two caption screens
LATE_SETTLE_MS = 200  # in a long utterance: a breath is a better place to cut than a word
# Longest to decode, its final takes a head start of 100 ms where latency counts.
LATE_SILENCE_MS = {"fast": 300, "quality": 200}
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
    context_samples: int
    """Audio that a final's decode hears in all, what was said before included; 0: only itself."""
    partial_interval_samples: int | None
    """Audio between two partials of an utterance; None sends none."""
    first_partial_samples: int = ms_to_samples(300)
    """Audio after the first speech until the first partial of an utterance."""
    retry_samples: int = ms_to_samples(120)
    """Audio between two partials while an utterance is new and nothing of it has been shown."""
    final_width: int = 1
    """How many hypotheses are followed side by side to find a final."""
    judge_stability: Callable[[ShownText], float] = partial_stability
    """Tells how likely a partial is to last."""
    has_speakers: bool = False
    """Whether finals say who speaks, and end where the speaker changes."""


def rules_for(
    mode: Mode,
    *,
    endpointing_ms: int | None = None,
    has_partials: bool = True,
    has_speakers: bool = False,
    max_utterance_ms: int = MAX_UTTERANCE_MS,
) -> RecognizerRules:
    """Return the rules of a mode, with what a session may change about them.

    `fast` ends an utterance after 0.5 s of silence and hears finals with up to 8 s of what was
    said before. `quality` waits for 0.8 s, hears up to 12 s, and searches with a beam of 4. What
    each of these gives and costs is in bench/README.md.
    """
    is_fast = mode == "fast"
    silence_ms = endpointing_ms or (500 if is_fast else 1500)
    settle_ms = min(400, silence_ms)
    return RecognizerRules(
        endpoint=EndpointRules(
            min_speech=_frames(MIN_SPEECH_MS),
            settle_silence=_frames(settle_ms),
            end_silence=_frames(silence_ms),
            late_settle_silence=_frames(min(LATE_SETTLE_MS, settle_ms)),
            late_silence=_frames(min(LATE_SILENCE_MS[mode], silence_ms)),
            max_utterance=_frames(max_utterance_ms),
        ),
        pad_before_samples=ms_to_samples(500),
        pad_after_samples=_frames(settle_ms) * FRAME_SAMPLES,
        context_samples=ms_to_samples(8_000 if is_fast else 12_000),
        partial_interval_samples=SAMPLE_RATE // 2 if has_partials else None,
        final_width=1 if is_fast else 4,
        has_speakers=has_speakers,
    )


def _frames(ms: int) -> int:
    """Return the frames that cover so many milliseconds, at least one."""
    return max(1, -(-ms_to_samples(ms) // FRAME_SAMPLES))
