"""The process that decodes media: bytes on standard input, messages on standard output.

Theory of operation. Media parsers are where hostile bytes bite, so they run here, one process for
each stream, with nothing to reach and little to use (`sandbox`). FFmpeg asks for input by calling
`read`, which blocks; what has been decoded until then is put out first, so nothing waits for
input that is slow to come. Output blocks when nobody reads it, and then nothing is read either:
that is the back-pressure. Start it with `python -m scribewire.audio.decoder_process LIMITS`.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO, cast

import av

# PyAV loads these when a stream has such a track, and then no file can be opened any more.
import av.subtitles.codeccontext
import av.subtitles.stream
import av.video.codeccontext
import av.video.stream

from scribewire.audio.chain import ChainReader
from scribewire.audio.container import (
    AudioInfo,
    TrackWish,
    choose_tracks,
    describe,
    describe_wav,
)
from scribewire.audio.decoder_input import (
    DecoderInput,
    Refused,
    format_of,
    invalid,
    is_pcm,
    look_ahead,
    make_readable,
    unsupported,
)
from scribewire.audio.decoder_messages import (
    MAY_BE_PCM,
    DecoderLimits,
    Kind,
    Refusal,
    TrackEnd,
    TrackStart,
    decode_limits,
    decode_wish,
    encode_gap,
    encode_info,
    encode_message,
    encode_refusal,
    encode_track_end,
    encode_track_start,
)
from scribewire.audio.ffmpeg import CODECS, LIVE_OPTIONS, PATIENT_OPTIONS
from scribewire.audio.frames import Missing, resample_frames
from scribewire.audio.ogg import OggLinks, is_ogg
from scribewire.audio.pcm import encode_pcm
from scribewire.audio.sandbox import CpuBudget, isolate, limit_resources
from scribewire.audio.sniff import sniff
from scribewire.audio.track import TrackBreak
from scribewire.audio.wav_stream import find_wav
from scribewire.audio.wire import WireDecoder
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.audio.stream import AudioStream
    from av.container import InputContainer

_STDOUT = 1
_READ_BYTES = 32 * 1024
_PCM_BYTES = 6400  # 0.2 s: a file comes in messages of a useful size
_WIRE_INFO = AudioInfo(
    container="s16le", codec="pcm_s16le", rate_hz=SAMPLE_RATE, channels=1, duration_ms=None
)


class _Output:
    """Messages out; PCM is held until there is a good piece of it or input is waited for."""

    def __init__(self, budget: CpuBudget) -> None:
        self._budget = budget
        self._pcm = bytearray()

    def send_pcm(self, pcm: bytes) -> None:
        self._pcm += pcm
        while len(self._pcm) >= _PCM_BYTES:
            self._write(Kind.PCM, bytes(self._pcm[:_PCM_BYTES]))
            del self._pcm[:_PCM_BYTES]

    def flush(self) -> None:
        if self._pcm:
            self._write(Kind.PCM, bytes(self._pcm))
            self._pcm.clear()

    def send(self, kind: Kind, body: bytes) -> None:
        self.flush()
        self._write(kind, body)

    def _write(self, kind: Kind, body: bytes) -> None:
        rest = memoryview(encode_message(kind, body))
        while rest:
            rest = rest[os.write(_STDOUT, rest) :]
        self._budget.renew()


def main(arguments: list[str]) -> int:
    """Decode standard input to standard output by the limits, and the track that is wished."""
    limits = decode_limits(arguments[0])
    wish = decode_wish(arguments[1]) if arguments[1:] else TrackWish()
    run(limits, wish, is_isolated=isolate(), may_be_pcm=MAY_BE_PCM in arguments[2:])
    return 0


def run(
    limits: DecoderLimits, wish: TrackWish, *, is_isolated: bool, may_be_pcm: bool = False
) -> None:
    """Decode in this process, which can do nothing else afterwards."""
    limit_resources(limits.memory_bytes)
    budget = CpuBudget(limits.cpu_s)
    output = _Output(budget)
    # Nobody listens any more: the parent went.
    with suppress(BrokenPipeError):
        try:
            source = DecoderInput(before_waiting=output.flush, after_reading=budget.renew)
            _decode(source, output, limits, wish, is_isolated=is_isolated, may_be_pcm=may_be_pcm)
        except Refused as refused:
            output.send(Kind.ERROR, encode_refusal(refused.refusal))
        except MemoryError:
            refusal = Refusal(is_unsupported=False, words="it takes too much memory to decode")
            output.send(Kind.ERROR, encode_refusal(refusal))


def _decode(
    source: DecoderInput,
    output: _Output,
    limits: DecoderLimits,
    wish: TrackWish,
    *,
    is_isolated: bool,
    may_be_pcm: bool,
) -> None:
    def tell(info: AudioInfo) -> None:
        output.send(Kind.INFO, encode_track_start(TrackStart(info=info, is_isolated=is_isolated)))

    head = look_ahead(source, may_be_empty=may_be_pcm)
    if may_be_pcm and is_pcm(source):
        _check_number(wish, 1)
        tell(_WIRE_INFO)
        _put_out_samples(source, output, may_be_empty=True)
    elif (wav := find_wav(source.peek)) is not None:
        _check_number(wish, 1)
        tell(describe_wav(wav))
        _put_out_samples(source, output)
    else:
        _decode_packets(source, head, output, limits, wish, tell=tell)


def _put_out_samples(source: DecoderInput, output: _Output, *, may_be_empty: bool = False) -> None:
    """Put out PCM or a WAV."""
    decoder = WireDecoder()
    is_heard = may_be_empty
    while data := source.read(_READ_BYTES):
        samples = decoder.receive_bytes(data)
        is_heard = is_heard or samples.size > 0
        output.send_pcm(encode_pcm(samples))
    last = decoder.receive_end()
    if not is_heard and not last.size:
        raise invalid("it ended before any audio came")
    output.send_pcm(encode_pcm(last))
    output.send(Kind.END, encode_track_end(TrackEnd(broken_packets=0, missing_s=0.0)))


def _decode_packets(
    source: DecoderInput,
    head: bytes,
    output: _Output,
    limits: DecoderLimits,
    wish: TrackWish,
    *,
    tell: Callable[[AudioInfo], None],
) -> None:
    """Put out a track of what FFmpeg reads."""
    chain = source.as_file() if source.is_file and is_ogg(head) else None
    links = OggLinks(source) if is_ogg(head) else None
    # PyAV needs no more than `read`.
    readable = cast("BinaryIO", links) if links else make_readable(source, limits)
    with _open(readable, head, source) as container:
        streams = _choose(container, wish)
        info = describe(container, streams[0])
        tell(info if chain is None else replace(info, duration_ms=_duration_ms(chain)))
        track = ChainReader(
            container,
            links,
            lambda: _open_link(readable, head, source),
            streams=streams,
            on_settled=lambda one: output.send(Kind.TRACK, encode_info(describe(container, one))),
        )
        try:
            _put_out(track, output)
        except TrackBreak as error:
            raise invalid(error.words) from error
    if not track.is_heard:
        raise (
            unsupported(f"a {info.codec} track of which nothing can be decoded")
            if track.broken_packets
            else invalid("it ended before any audio came")
        )
    ending = TrackEnd(broken_packets=track.broken_packets, missing_s=track.missing_s)
    output.send(Kind.END, encode_track_end(ending))


def _duration_ms(chain: BinaryIO) -> int | None:
    """Return how long all links of an Ogg file are, as it says at its end."""
    with suppress(av.FFmpegError, ValueError), av.open(chain, "r", format="ogg") as container:
        return None if container.duration is None else container.duration // 1000
    return None


def _open_link(readable: BinaryIO, head: bytes, source: DecoderInput) -> InputContainer | None:
    """Return a later link, None where there is no sound in it."""
    try:
        container = _open(readable, head, source)
        _choose(container, TrackWish())
    except Refused:
        return None
    return container


def _put_out(track: ChainReader, output: _Output) -> None:
    for piece in resample_frames(track.frames()):
        if isinstance(piece, Missing):
            output.send(Kind.GAP, encode_gap(piece.seconds))
        else:
            output.send_pcm(encode_pcm(piece))


def _open(readable: BinaryIO, head: bytes, source: DecoderInput) -> InputContainer:
    name = "ogg" if is_ogg(head) else format_of(source)
    try:
        container = av.open(
            readable,
            "r",
            format=name,
            options=PATIENT_OPTIONS if name == "mpeg" or source.is_file else LIVE_OPTIONS,
            metadata_errors="ignore",
        )
    except MemoryError:
        raise
    except (av.FFmpegError, ValueError) as error:
        found = sniff(head).name
        # FFmpeg need not read to the end of a file to know where it is.
        if found and source.has_ended and not source.is_file:
            raise invalid(f"it ended before {found} could be read") from error
        raise unsupported(
            f"{found} that is cut off or damaged" if found else "bytes of no known audio format"
        ) from error
    return container


def _choose(container: InputContainer, wish: TrackWish) -> list[AudioStream]:
    """Return the track that is to be heard, and behind it those that are as good."""
    streams = choose_tracks(container, wish, CODECS.__contains__)
    count = len(container.streams.audio)
    if streams:
        return streams
    if count:
        _check_number(wish, count)
        raise unsupported("an audio track of a codec that is not decoded here")
    if container.streams.video:
        raise unsupported("video without an audio track")
    raise unsupported(f"{container.format.long_name} without an audio track")


def _check_number(wish: TrackWish, count: int) -> None:
    if wish.number is not None and not 1 <= wish.number <= count:
        tracks = f"{count} audio track{'' if count == 1 else 's'}"
        raise unsupported(f"{tracks}, no track {wish.number}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
