"""What this machine takes for the work of a stream, measured once at the start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scribewire.engines.on_demand import is_resident
from scribewire.recognition.requests import (
    FRAME_SAMPLES,
    DecodeRequest,
    EmbeddingRequest,
    VadRequest,
)
from scribewire.runtime.admission import CallCosts
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scribewire.engines.engines import Engines
    from scribewire.engines.protocols import SpeechEngine
    from scribewire.types import Samples

UTTERANCE_S = 5.0  # from one endpoint to the next, in speech as people speak it
_DECODED_S = 5  # of audio for a final, what surrounds its speech included
_VOICE_S = 2  # what a speaker is told by
# Too little would let too many in at once, too much is put right by the first minute of speech.
_CAUTION = 1.25
_TRIES = 3  # the fastest counts: the others shared the machine with something


def measure_costs(
    engines: Engines, speech: Sequence[SpeechEngine] | None = None
) -> dict[SpeechEngine, CallCosts]:
    """Run each kind of call on quiet noise and return what a stream of each engine costs, roughly.

    `speech` are some of the engines, by default those that are loaded: others are by being asked.
    Noise is at hand in any language; how much longer speech takes, for the words in it, is
    calibrated. What calls for streams really take replaces this as soon as there are any.
    """
    noise = np.random.default_rng(0).normal(0, 0.01, _DECODED_S * SAMPLE_RATE).astype(np.float32)
    frames = noise[: SAMPLE_RATE // FRAME_SAMPLES * FRAME_SAMPLES]
    share = _fastest(lambda: engines.time_answer(VadRequest(frames, None), engines.speech[0]))
    if engines.voices is not None:
        voice = EmbeddingRequest(utterance=0, samples=noise[: _VOICE_S * SAMPLE_RATE])
        share += _fastest(lambda: engines.time_answer(voice, engines.speech[0])) / UTTERANCE_S
    if speech is None:
        speech = [engine for engine in engines.speech if is_resident(engine)]
    return {engine: _measure_finals(engines, engine, noise, share) for engine in speech}


def _measure_finals(
    engines: Engines, speech: SpeechEngine, noise: Samples, other_share: float
) -> CallCosts:
    samples = noise[: speech.traits.max_window_samples]
    final = DecodeRequest(
        utterance=0,
        samples=samples,
        end_sample=samples.size,
        is_required=True,
        wants_times=speech.traits.gives_times,
    )
    fastest_s = _fastest(lambda: engines.time_answer(final, speech))
    final_s = speech.calibration.speech_per_noise * fastest_s
    stream_share = _CAUTION * (other_share + final_s / UTTERANCE_S)
    return CallCosts(final_s=final_s, stream_share=stream_share)


def _fastest(time_call: Callable[[], float]) -> float:
    return min(time_call() for _ in range(_TRIES))
