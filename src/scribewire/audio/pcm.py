"""PCM to samples: every width a WAV file may hold.

Each sample depends on its own block of bytes only, so how the bytes were cut cannot matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    import numpy.typing as npt

    from scribewire.types import Samples

    Values: TypeAlias = (
        npt.NDArray[np.uint8]
        | npt.NDArray[np.int16]
        | npt.NDArray[np.int32]
        | npt.NDArray[np.float32]
        | npt.NDArray[np.float64]
    )

Encoding = Literal["u8", "s16", "s24", "s32", "f32", "f64", "alaw", "mulaw"]
"""How one sample of one channel is written."""

SAMPLE_BYTES: dict[Encoding, int] = {
    "u8": 1,
    "s16": 2,
    "s24": 3,
    "s32": 4,
    "f32": 4,
    "f64": 8,
    "alaw": 1,
    "mulaw": 1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PcmFormat:
    """How a stream of uncompressed audio is written."""

    encoding: Encoding
    channels: int
    rate_hz: int
    is_big_endian: bool = False
    """The order of the bytes of a sample; little-endian as a rule."""

    @property
    def block_bytes(self) -> int:
        """Bytes that hold one sample of every channel."""
        return SAMPLE_BYTES[self.encoding] * self.channels


WIRE_PCM = PcmFormat(encoding="s16", channels=1, rate_hz=SAMPLE_RATE)
"""What a stream without a header is: the protocol's only raw format."""

_FULL_SCALE = 32_768  # of 16-bit samples


def decode_pcm(pcm: bytes | bytearray | memoryview, pcm_format: PcmFormat) -> Samples:
    """Return the samples of one channel at the format's own rate. `pcm` must hold whole samples."""
    assert pcm_format.channels == 1, "several channels are mixed, see mixer.py"
    return to_float(_read_values(pcm, pcm_format))


def decode_channels(pcm: bytes | bytearray | memoryview, pcm_format: PcmFormat) -> Samples:
    """Return the samples, shape (count, channels). `pcm` must hold whole blocks."""
    return to_float(_read_values(pcm, pcm_format)).reshape(-1, pcm_format.channels)


def encode_pcm(samples: Samples) -> bytes:
    """Return samples as `WIRE_PCM` has them; what is beyond full scale is clipped."""
    scaled = np.rint(samples * _FULL_SCALE)
    return np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2").tobytes()


def as_wired(samples: Samples) -> Samples:
    """Round to what `WIRE_PCM` can say, so that a file gives the text that its PCM gives."""
    return decode_pcm(encode_pcm(samples), WIRE_PCM)


def to_float(values: Values) -> Samples:
    """Scale by type into [-1, 1]; what is not a finite number becomes 0."""
    if values.dtype == np.uint8:
        return (values.astype(np.float32) - np.float32(128)) * np.float32(1 / 128)
    if values.dtype == np.int16:
        return values.astype(np.float32) * np.float32(1 / _FULL_SCALE)
    if values.dtype == np.int32:
        return values.astype(np.float32) * np.float32(2.0**-31)
    finite = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    # Clipped before the conversion: a huge float64 has no float32.
    clipped: Samples = np.clip(finite, -1.0, 1.0).astype(np.float32)
    return clipped


def _read_values(pcm: bytes | bytearray | memoryview, pcm_format: PcmFormat) -> Values:
    order = ">" if pcm_format.is_big_endian else "<"
    match pcm_format.encoding:
        case "u8":
            return np.frombuffer(pcm, np.uint8)
        case "s16":
            return np.frombuffer(pcm, f"{order}i2").astype(np.int16, copy=False)
        case "s24":
            return _widen_24_bits(np.frombuffer(pcm, np.uint8), order)
        case "s32":
            return np.frombuffer(pcm, f"{order}i4").astype(np.int32, copy=False)
        case "f32":
            return np.frombuffer(pcm, f"{order}f4").astype(np.float32, copy=False)
        case "f64":
            return np.frombuffer(pcm, f"{order}f8").astype(np.float64, copy=False)
        case "alaw":
            return _A_LAW[np.frombuffer(pcm, np.uint8)]
        case "mulaw":
            return _MU_LAW[np.frombuffer(pcm, np.uint8)]


def _widen_24_bits(raw: npt.NDArray[np.uint8], order: str) -> npt.NDArray[np.int32]:
    widened = np.zeros((raw.size // 3, 4), np.uint8)
    samples = raw.reshape(-1, 3)
    widened[:, 1:] = samples[:, ::-1] if order == ">" else samples  # the lowest byte stays 0
    return widened.reshape(-1).view("<i4").astype(np.int32, copy=False)


def _expand_a_law(code: int) -> int:
    """Return the 16-bit value of one A-law byte (ITU-T G.711)."""
    bits = code ^ 0x55
    segment = (bits & 0x70) >> 4
    magnitude = ((bits & 0x0F) << 4) + 8
    if segment:
        magnitude = (magnitude + 0x100) << (segment - 1)
    return magnitude if bits & 0x80 else -magnitude


def _expand_mu_law(code: int) -> int:
    """Return the 16-bit value of one mu-law byte (ITU-T G.711)."""
    bits = ~code & 0xFF
    bias = 0x84
    magnitude = ((((bits & 0x0F) << 3) + bias) << ((bits & 0x70) >> 4)) - bias
    return -magnitude if bits & 0x80 else magnitude


_A_LAW = np.array([_expand_a_law(code) for code in range(256)], np.int16)
_MU_LAW = np.array([_expand_mu_law(code) for code in range(256)], np.int16)
