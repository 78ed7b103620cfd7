"""What comes over the wire as audio, to samples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from scribewire.audio.mixer import Mixer
from scribewire.audio.pcm import WIRE_PCM, PcmFormat, as_wired, decode_channels, decode_pcm
from scribewire.audio.resampler import Resampler, ResamplerJoint, find_joint
from scribewire.audio.sniff import sniff
from scribewire.audio.wav import REMEDY
from scribewire.audio.wav_stream import WavStream
from scribewire.errors import ClientFault
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.types import Samples


class CompressedAudio(ClientFault):
    """What comes is a recording that takes a decoder of its own; `head` is all that came of it."""

    def __init__(self, name: str, head: bytes) -> None:
        super().__init__(
            f"this looks like {name}: {REMEDY}; to decode it first: "
            "ffmpeg -i FILE -f s16le -ac 1 -ar 16000 -"
        )
        self.head = head


@dataclass(frozen=True, slots=True, kw_only=True)
class WireLayout:
    """How a stream of bytes is written, and where in it its audio begins."""

    pcm: PcmFormat
    header_bytes: int = 0
    """What stands before the audio."""
    data_bytes: int | None = None
    """How much audio there is, as far as its header says so; it may be wrong."""

    @property
    def is_exact(self) -> bool:
        """Whether there are places from which on the samples are the same to the last bit.

        How channels are mixed depends on all that was before.
        """
        return self.pcm.channels == 1 and find_joint(self.pcm.rate_hz, 0) is not None

    def joint_for(self, sample: int) -> ResamplerJoint:
        """Return from which byte on, and behind how many samples, the samples from one on come."""
        found = find_joint(self.pcm.rate_hz, sample)
        assert found is not None, "it is exact"
        return replace(found, begin=self.header_bytes + found.begin * self.pcm.block_bytes)

    def byte_of(self, sample: int) -> int:
        """Return which byte begins the block that holds a sample at 16 kHz."""
        return self.header_bytes + sample * self.pcm.rate_hz // SAMPLE_RATE * self.pcm.block_bytes


class WireDecoder:
    """Turn one stream's binary messages into mono samples at 16 kHz.

    The stream is PCM (16-bit little-endian, 16 kHz, mono) unless it begins with a WAV header,
    which may declare another format. The same bytes give the same samples however they are cut
    into messages. Until it is known which, some bytes are held back. With a layout it goes on in
    the midst of a stream, at the byte `begin`, where one of its blocks does; the first samples are
    `skipped`.
    """

    def __init__(
        self, layout: WireLayout | None = None, *, begin: int = 0, skipped: int = 0
    ) -> None:
        self._layout = layout
        self._skipped = skipped  # that are still to be left out
        self._head = bytearray()  # held back until it is known what this is
        self._wav = None if layout is None else _wav_from(layout, begin)  # set if it is a WAV
        # Set once the format is known.
        self._stream = None if layout is None else _PcmStream(layout.pcm)
        self._refusal = ""  # set once the stream has been refused: it stays refused

    @property
    def layout(self) -> WireLayout | None:
        """How the stream is written; None while that is not known."""
        return self._layout

    def receive_bytes(self, data: bytes) -> Samples:
        """Return the samples that are complete with `data`; there may be none.

        Raises ClientFault when the stream is not PCM or WAV, now and on every later call:
        `CompressedAudio` at first where a decoder may read it.
        """
        if self._refusal:
            raise ClientFault(self._refusal)
        try:
            audio = self._unwrap(data)
        except ClientFault as fault:
            self._refusal = fault.message
            self._head.clear()
            raise
        if self._stream is None:
            return np.empty(0, np.float32)
        return self._left_of(self._stream.receive(audio))

    def receive_end(self) -> Samples:
        """Return the last samples; the first bytes of a sample that never came are dropped.

        Nothing may be received afterwards.
        """
        if self._stream is not None:
            return self._left_of(self._stream.receive_end())
        held = bytes(self._head)
        self._head.clear()
        if not held or self._wav is not None or sniff(held).kind == "wav":
            return np.empty(0, np.float32)  # nothing, or a header that ended before its audio
        stream = _PcmStream(WIRE_PCM)
        return np.concatenate([stream.receive(held), stream.receive_end()])

    def _left_of(self, samples: Samples) -> Samples:
        count = min(self._skipped, len(samples))
        self._skipped -= count
        return samples[count:] if count else samples

    def _unwrap(self, data: bytes) -> bytes:
        """Return the audio in what has come, and know its format when there is any."""
        if self._wav is not None:
            return self._unwrap_wav(self._wav, data)
        if self._stream is not None:
            return data
        self._head += data
        guess = sniff(self._head)
        if guess.kind == "compressed":
            raise CompressedAudio(guess.name, bytes(self._head))
        if guess.kind == "middle":
            raise ClientFault(
                f"this looks like {guess.name}: its first piece says how to read the others; "
                "begin a new recording for each connection, and send all of its pieces in order"
            )
        if guess.kind not in ("pcm", "wav"):
            return b""
        held = bytes(self._head)
        self._head.clear()
        if guess.kind == "pcm":
            self._begin(WireLayout(pcm=WIRE_PCM))
            return held
        self._wav = WavStream()
        return self._unwrap_wav(self._wav, held)

    def _unwrap_wav(self, wav: WavStream, data: bytes) -> bytes:
        audio = wav.receive(data)
        if self._stream is None and wav.pcm_format is not None:
            layout = WireLayout(
                pcm=wav.pcm_format, header_bytes=wav.header_bytes, data_bytes=wav.data_bytes
            )
            self._begin(layout)
        return audio

    def _begin(self, layout: WireLayout) -> None:
        self._layout = layout
        self._stream = _PcmStream(layout.pcm)


def _wav_from(layout: WireLayout, begin: int) -> WavStream | None:
    """Return what finds the end of the audio from its midst on; None: it has no end of its own."""
    if layout.data_bytes is None:
        return None
    return WavStream.from_its_midst(
        layout.pcm, data_bytes=layout.data_bytes, heard_bytes=begin - layout.header_bytes
    )


class _PcmStream:
    """Join samples that were split over messages, decode, mix and resample them."""

    def __init__(self, pcm_format: PcmFormat) -> None:
        self._format = pcm_format
        self._mixer = Mixer(pcm_format.channels, pcm_format.rate_hz)
        self._resampler = Resampler(pcm_format.rate_hz)
        self._rest = b""  # the first bytes of a block, less than one block

    def receive(self, data: bytes) -> Samples:
        joined = self._rest + data if self._rest else data
        whole = len(joined) - len(joined) % self._format.block_bytes
        self._rest = joined[whole:]
        blocks = memoryview(joined)[:whole]
        if self._format == WIRE_PCM:  # most audio: nothing to resample, nothing to round
            return decode_pcm(blocks, WIRE_PCM)
        mixed = self._mixer.receive_blocks(decode_channels(blocks, self._format))
        return as_wired(self._resampler.receive_samples(mixed))

    def receive_end(self) -> Samples:
        self._rest = b""
        last = self._resampler.receive_samples(self._mixer.receive_end())
        return as_wired(np.concatenate([last, self._resampler.receive_end()]))
