"""How a recognizer behaves: every length that shapes partials and finals, in one place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from scribewire.recognition.endpointer import EndpointRules
from scribewire.recognition.requests import FRAME_SAMPLES
from scribewire.recognition.stability import partial_stability
from scribewire.types import SAMPLE_RATE, ms_to_samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from scribewire.recognition.calibration import Calibration
    from scribewire.recognition.stabilizer import ShownText
    from scribewire.recognition.traits import Traits
    from scribewire.wishes import Wishes

SILENCE_MS = {"fast": 500, "quality": 1500}
SETTLE_MS = 400  # a final's decode begins so long after the speech, and is done when it ends
LATE_SETTLE_MS = 200  # in a long utterance: a breath is a better place to cut than a word
# Longest to decode, its final takes a head start of 100 ms where latency counts.
LATE_SILENCE_MS = {"fast": 300, "quality": 200}
MIN_SPEECH_MS = 96  # three frames: shorter sounds are clicks, not words


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognizerRules:
    """The behaviour of one recognizer."""

    endpoint: EndpointRules
    """When utterances start and end."""
    traits: Traits
    """What may be asked of the engine that decodes."""
    calibration: Calibration
    """When what it says is believed, and when it is shown."""
    pad_after_samples: int
    """Audio after the last speech frame that a final's decode takes too: soft endings."""
    context_samples: int
    """Audio that a final's decode takes in all, what was said before included; 0: only itself."""
    prompt_tokens: int
    """How many tokens of what was said before a final's decode is given as a prompt; 0: none."""
    languages: tuple[str, ...]
    """Those that may be spoken, of the engine's; of several it finds out which is."""
    final_width: int
    """How many hypotheses are followed side by side to find a final."""
    judge_stability: Callable[[ShownText], float]
    """Tells how likely a partial is to last."""
    partial_interval_samples: int | None
    """Audio between two partials of an utterance; None sends none."""
    first_partial_samples: int = ms_to_samples(300)
    """Audio after the first speech until the first partial of an utterance."""
    retry_samples: int = ms_to_samples(120)
    """Audio between two partials while an utterance is new and nothing of it has been shown."""
    has_speakers: bool = False
    """Whether finals say who speaks, and end where the speaker changes."""


def rules_for(
    wishes: Wishes, traits: Traits, calibration: Calibration, *, max_utterance_ms: int
) -> RecognizerRules:
    """Return how to recognize what is wished with one engine.

    Where the wishes name no language, any of the engine's may be spoken.
    `wishes.speakers` counts as it stands: leave it out where no voices can be told apart. What
    the modes give and cost is in bench/README.md.
    """
    endpoint = endpoint_for(wishes, max_utterance_ms=max_utterance_ms)
    context_samples = calibration.context_samples[wishes.mode] if traits.takes_context else 0
    if traits.max_window_samples is not None:
        longest = (traits.max_window_samples - calibration.pad_before_samples) // FRAME_SAMPLES
        endpoint = replace(endpoint, max_utterance=min(endpoint.max_utterance, longest))
        context_samples = min(context_samples, traits.max_window_samples)
    most_after = -(-calibration.max_pad_after_samples // FRAME_SAMPLES)
    return RecognizerRules(
        endpoint=endpoint,
        traits=traits,
        calibration=calibration,
        pad_after_samples=min(endpoint.settle_silence, most_after) * FRAME_SAMPLES,
        context_samples=context_samples,
        prompt_tokens=calibration.prompt_tokens[wishes.mode] if traits.takes_prompt else 0,
        languages=wishes.possible_languages or tuple(sorted(traits.languages)),
        final_width=min(calibration.final_width[wishes.mode], traits.max_width),
        judge_stability=partial(partial_stability, curve=calibration.stability),
        partial_interval_samples=SAMPLE_RATE // 2 if wishes.partials else None,
        has_speakers=wishes.speakers,
    )


def endpoint_for(wishes: Wishes, *, max_utterance_ms: int) -> EndpointRules:
    """Return when utterances start and end, whatever engine decodes them."""
    silence_ms = wishes.endpointing_ms or SILENCE_MS[wishes.mode]
    settle_ms = min(SETTLE_MS, silence_ms)
    return EndpointRules(
        min_speech=_frames(MIN_SPEECH_MS),
        settle_silence=_frames(settle_ms),
        end_silence=_frames(silence_ms),
        late_settle_silence=_frames(min(LATE_SETTLE_MS, settle_ms)),
        late_silence=_frames(min(LATE_SILENCE_MS[wishes.mode], silence_ms)),
        max_utterance=_frames(max_utterance_ms),
    )


def _frames(ms: int) -> int:
    """Return the frames that cover so many milliseconds, at least one."""
    return max(1, -(-ms_to_samples(ms) // FRAME_SAMPLES))
