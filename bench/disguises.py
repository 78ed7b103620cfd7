"""What happens to speech on its way: narrow bands, low levels, channels that carry something else.

Each takes what was recorded at 16 kHz and returns what the recognizer gets once the wire's decoder
has read it again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import soxr
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from scribewire.audio.pcm import encode_pcm
from scribewire.audio.wire import WireDecoder
from scribewire.types import SAMPLE_RATE
from tests.parts.wav import wav

if TYPE_CHECKING:
    from scribewire.types import Samples

Disguise: TypeAlias = Callable[["Samples"], "Samples"]

NARROW_HZ = 8000
WIDE_HZ = 48_000
MU_LAW = 7  # what a WAV header calls it


def _read(file: bytes) -> Samples:
    decoder = WireDecoder()
    return np.concatenate([decoder.receive_bytes(file), decoder.receive_end()])


def _narrow(samples: Samples) -> bytes:
    return encode_pcm(soxr.resample(samples, SAMPLE_RATE, NARROW_HZ))


def _pushed_8k(samples: Samples) -> Samples:
    return _read(wav(_narrow(samples), rate_hz=NARROW_HZ))


def _soxr_16k(samples: Samples) -> Samples:
    narrow = soxr.resample(samples, SAMPLE_RATE, NARROW_HZ)
    return _read(encode_pcm(soxr.resample(narrow, NARROW_HZ, SAMPLE_RATE, quality="VHQ")))


def _swr(samples: Samples) -> Samples:
    return _read(_swresample(_swresample(encode_pcm(samples), SAMPLE_RATE, NARROW_HZ)))


def _swresample(pcm: bytes, rate_hz: int = NARROW_HZ, new_rate_hz: int = SAMPLE_RATE) -> bytes:
    frame = AudioFrame.from_ndarray(np.frombuffer(pcm, "<i2")[np.newaxis], "s16", "mono")
    frame.sample_rate = rate_hz
    resampler = AudioResampler(format="s16", layout="mono", rate=new_rate_hz)
    frames = [*resampler.resample(frame), *resampler.resample(None)]
    return b"".join(one.to_ndarray().tobytes() for one in frames)


def _linear(samples: Samples) -> Samples:
    narrow = soxr.resample(samples, SAMPLE_RATE, NARROW_HZ)
    between = np.arange(2 * narrow.size) / 2
    wide = np.interp(between, np.arange(narrow.size), narrow).astype(np.float32)
    return _read(encode_pcm(wide))


def _mu_law(samples: Samples) -> Samples:
    narrow = np.frombuffer(_narrow(samples), "<i2").astype(np.int32)
    return _read(wav(_mu_law_bytes(narrow), rate_hz=NARROW_HZ, code=MU_LAW, bits=8))


def _mu_law_bytes(values: np.ndarray[tuple[int], np.dtype[np.int32]]) -> bytes:
    """Write 16-bit values as ITU-T G.711 does."""
    magnitude = np.minimum(np.abs(values), 32_635) + 0x84
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (segment + 3)) & 0x0F
    sign = np.where(values < 0, 0x80, 0)
    code: bytes = (~(sign | segment << 4 | mantissa) & 0xFF).astype(np.uint8).tobytes()
    return code


def _quieter(samples: Samples) -> Samples:
    return _read(encode_pcm(samples * np.float32(10 ** (-12 / 20))))


def _among(channels: int, number: int) -> Disguise:
    def disguise(samples: Samples) -> Samples:
        blocks = np.zeros((samples.size, channels), np.float32)
        blocks[:, number] = samples
        return _read(wav(encode_pcm(blocks.reshape(-1)), channels=channels))

    return disguise


def _beside_noise(samples: Samples) -> Samples:
    voice = soxr.resample(samples, SAMPLE_RATE, WIDE_HZ)
    noise = np.random.default_rng(1).standard_normal(voice.size)
    level = np.sqrt(np.mean(np.square(voice))) * 10 ** (-8 / 20)
    pcm = encode_pcm(np.stack([noise * level, voice], axis=1).astype(np.float32).reshape(-1))
    return _read(wav(pcm, rate_hz=WIDE_HZ, channels=2))


DISGUISES: Final[Mapping[str, Disguise]] = {
    "16 kHz": lambda samples: _read(encode_pcm(samples)),
    "8 kHz": _pushed_8k,
    "8 kHz, soxr": _soxr_16k,
    "8 kHz, swresample": _swr,
    "8 kHz, linear": _linear,
    "mu-law": _mu_law,
    "-12 dB": _quieter,
    "one of two": _among(2, 0),
    "centre of 5.1": _among(6, 2),
    "noise on the other": _beside_noise,
}
"""By the names of the table."""
