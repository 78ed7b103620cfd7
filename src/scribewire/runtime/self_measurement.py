"""What this machine takes for the work of a stream, measured once at the start."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from scribewire.recognition.requests import (
    FRAME_SAMPLES,
    DecodeRequest,
    EmbeddingRequest,
    VadRequest,
)
from scribewire.runtime.admission import CallCosts
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from scribewire.engines.protocols import SpeechEngine, VadEngine, Voices

UTTERANCE_S = 5.0  # from one endpoint to the next, in speech as people speak it
_HEARD_S = 10  # what a final hears, context included
_VOICE_S = 2  # what a speaker is told by
# Ten seconds of speech take three times as long as ten of noise, for the words in them, and any
# call takes a third longer on a full machine than on an idle one.
SPEECH_PER_NOISE = 4.0
_TRIES = 3  # the fastest counts: the others shared the machine with something


def measure_costs(vad: VadEngine, speech: SpeechEngine, voices: Voices | None) -> CallCosts:
    """Run each kind of call on quiet noise and return what a stream will cost, roughly.

    Noise is at hand in any language. What calls for streams really take replaces this as soon as
    there are any.
    """
    noise = np.random.default_rng(0).normal(0, 0.01, _HEARD_S * SAMPLE_RATE).astype(np.float32)
    final = DecodeRequest(
        utterance=0, samples=noise, end_sample=noise.size, is_required=True, wants_times=True
    )
    final_s = SPEECH_PER_NOISE * _fastest(lambda: speech.decode(final))
    frames = noise[: SAMPLE_RATE // FRAME_SAMPLES * FRAME_SAMPLES]
    share = _fastest(lambda: vad.measure(VadRequest(frames, None))) + final_s / UTTERANCE_S
    if voices is not None:
        voice = EmbeddingRequest(utterance=0, samples=noise[: _VOICE_S * SAMPLE_RATE])
        share += _fastest(lambda: voices.embedding.embed(voice)) / UTTERANCE_S
    return CallCosts(final_s=final_s, stream_share=share)


def _fastest(call: Callable[[], object]) -> float:
    times = []
    for _ in range(_TRIES):
        began_at = time.perf_counter()
        call()
        times.append(time.perf_counter() - began_at)
    return min(times)
