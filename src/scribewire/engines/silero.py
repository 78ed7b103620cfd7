"""Silero VAD: the probability of speech in each frame of 32 ms (onnxruntime).

The model is used at 8 kHz, whatever the speech was recorded at. At 16 kHz what it says of speech
from a telephone depends on the filter that brought it there: an upper half without anything in it
makes it doubt, and so does a low level. At 8 kHz it hears both as it hears everything else. What
is very quiet is raised, by how loud the stream has been in the last seconds.

It stays on the CPU where there is a GPU: a frame takes a fraction of a millisecond, and the next
one waits for it, so what it takes to begin anything on a GPU would be most of it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from scribewire.engines.onnx import OnnxSession, Tensor
from scribewire.engines.waveform import clean_samples
from scribewire.errors import ServerFault
from scribewire.models.store import find_model
from scribewire.recognition.requests import FRAME_SAMPLES, VadRequest, VadResult
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from pathlib import Path

    from scribewire.models.catalog import Model

VAD_RATE_HZ = SAMPLE_RATE // 2
CONTEXT_SAMPLES = 32  # the end of the previous frame, which the model hears again
_RECURRENT_SHAPE = (2, 1, 128)
_RECURRENT_NUMBERS = math.prod(_RECURRENT_SHAPE)
# Half of the band, in a filter of 1 ms each way: flat up to 3 kHz, 6 dB down at 4 kHz.
_TAPS = 31
_HISTORY_SAMPLES = _TAPS - 1
_CENTRE = _TAPS // 2
# Speech of a usual level is heard as it is. More gain would make speech of what a cheap microphone
# says in an empty room.
_USUAL_LEVEL = 0.03  # root mean square of a loud frame, of full scale
_MAX_GAIN = 8.0
_LEAST_LEVEL = _USUAL_LEVEL / _MAX_GAIN
_LEVEL_DECAY = 0.9954  # for each frame: half of it after 5 s, the pauses of a speaker
# A state is what the next frame needs of those before it: the recurrent numbers, the context, what
# the filter still hears and the level, as float32. Little-endian, as is every machine that
# onnxruntime is built for.
STATE_BYTES = 4 * (_RECURRENT_NUMBERS + CONTEXT_SAMPLES + _HISTORY_SAMPLES + 1)
_HISTORY_FROM = _RECURRENT_NUMBERS + CONTEXT_SAMPLES
_FRESH = bytes(STATE_BYTES)
_OUTPUTS = ("output", "stateN")
_RATE = np.array(VAD_RATE_HZ, np.int64)


def _half_band() -> Tensor:
    # of its odd taps only the centre is not zero
    ideal = np.sinc((np.arange(_TAPS) - _HISTORY_SAMPLES / 2) / 2) * np.hamming(_TAPS)
    taps: Tensor = (ideal / ideal.sum()).astype(np.float32)
    return taps


_FILTER = _half_band()


class SileroVad:
    """A `VadEngine`. Frames go through one by one, so their grouping changes no result."""

    def __init__(self, session: OnnxSession) -> None:
        self._session = session

    @classmethod
    def load(cls, model: Model, model_dir: Path | None = None) -> SileroVad:
        """Find, verify and load the file of `model`. Raises ModelFault."""
        return cls(OnnxSession(find_model(model.file("silero_vad.onnx"), model_dir)))

    def measure(self, request: VadRequest) -> VadResult:
        """Return one probability for each frame. Raises ServerFault once closed."""
        self._session.check_open()
        if request.frames.size % FRAME_SAMPLES:
            raise ServerFault(
                f"VAD request of {request.frames.size} samples: expected whole frames "
                f"of {FRAME_SAMPLES}"
            )
        state = _FRESH if request.state is None else request.state
        if len(state) != STATE_BYTES:
            raise ServerFault(f"VAD state of {len(state)} bytes: expected {STATE_BYTES}")
        numbers = np.frombuffer(state, np.float32)
        recurrent: Tensor = numbers[:_RECURRENT_NUMBERS].reshape(_RECURRENT_SHAPE)
        context = numbers[_RECURRENT_NUMBERS:_HISTORY_FROM]
        history, level = numbers[_HISTORY_FROM:-1], float(numbers[-1])
        probabilities: list[float] = []
        for frame in clean_samples(request.frames).reshape(-1, FRAME_SAMPLES):
            heard = np.concatenate((history, frame))
            halved = _halve(heard)
            level = _follow(level, halved)
            gain = max(_USUAL_LEVEL / max(level, _LEAST_LEVEL), 1.0)
            window = np.concatenate((context, halved * np.float32(gain)))[np.newaxis]
            feeds = {"input": window, "state": recurrent, "sr": _RATE}
            output, recurrent = self._session.run(_OUTPUTS, feeds)
            probabilities.append(float(output[0, 0]))
            context, history = window[0, -CONTEXT_SAMPLES:], heard[-_HISTORY_SAMPLES:]
        after = (recurrent, context, history, np.float32(level))
        return VadResult(tuple(probabilities), b"".join(part.tobytes() for part in after))

    def close(self) -> None:
        """Give the model's memory back. Closing again does nothing."""
        self._session.close()


def _halve(samples: Tensor) -> Tensor:
    """Return every second sample of what the filter leaves; frame by frame, so always the same."""
    centre = samples[_CENTRE : _CENTRE - _HISTORY_SAMPLES : 2] * _FILTER[_CENTRE]
    halved: Tensor = centre + np.correlate(samples[::2], _FILTER[::2])
    return halved


def _follow(level: float, samples: Tensor) -> float:
    """Return the level of loud frames so far: at once what is louder, and slowly less again."""
    now = math.sqrt(np.dot(samples, samples) / samples.size)
    return float(np.float32(max(now, level * _LEVEL_DECAY)))  # as a state says it
