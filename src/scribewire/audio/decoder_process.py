"""The process that decodes media: bytes on standard input, messages on standard output.

Theory of operation. Media parsers are where hostile bytes bite, so they run here, one process for
each stream, with nothing to reach and little to use (`sandbox`). FFmpeg asks for input by calling
`read`, which blocks; what has been decoded until then is put out first, so nothing waits for
input that is slow to come. Output blocks when nobody reads it, and then nothing is read either:
that is the back-pressure. Start it with `python -m scribewire.audio.decoder_process LIMITS`.
"""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, BinaryIO, cast

import av

# PyAV loads these when a stream has such a track, and then no file can be opened any more.
import av.subtitles.codeccontext
import av.subtitles.stream
import av.video.codeccontext
import av.video.stream

from scribewire.audio.chain import ChainReader
from scribewire.audio.container import OPTIONS, TrackWish, choose_track, describe, describe_wav
from scribewire.audio.decoder_messages import (
    DecoderLimits,
    Kind,
    Refusal,
    TrackEnd,
    decode_limits,
    decode_wish,
    encode_gap,
    encode_message,
    encode_refusal,
    encode_track_end,
)
from scribewire.audio.frames import Missing, resample_frames
from scribewire.audio.ogg import OggLinks, is_ogg
from scribewire.audio.pcm import encode_pcm
from scribewire.audio.sandbox import CpuBudget, isolate, limit_resources
from scribewire.audio.sniff import AAC, MP3, find_frames, find_stranger, sniff
from scribewire.audio.track import TrackBreak
from scribewire.audio.wav_stream import find_wav
from scribewire.audio.wire import WireDecoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.audio.stream import AudioStream
    from av.container import InputContainer

_STDIN, _STDOUT = 0, 1
_READ_BYTES = 32 * 1024
_PCM_BYTES = 6400  # 0.2 s: a file comes in messages of a useful size

# Decoders of sound alone: the pictures of a video are never decoded, not even to look at them.
_CODECS = (
    "aac,aac_latm,ac3,eac3,alac,amrnb,amrwb,ape,dca,flac,mp1float,mp1,mp2float,mp2,mp3float,mp3,"
    "mp3adufloat,mp3on4float,opus,vorbis,tta,wavpack,wmav1,wmav2,wmapro,nellymoser,speex,gsm_ms,"
    "adpcm_ms,adpcm_ima_wav,adpcm_ima_qt,adpcm_swf,adpcm_yamaha,g722,g726,g726le,"
    "pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,"
    "pcm_f32be,pcm_f64le,pcm_f64be,pcm_alaw,pcm_mulaw,pcm_bluray,pcm_dvd"
)
_LIVE_OPTIONS = {
    **OPTIONS,
    "codec_whitelist": _CODECS,
    "max_streams": "64",
    # A live stream is opened from what it says in 0.2 s, not in the five of FFmpeg.
    "analyzeduration": "200000",
    "probesize": "1000000",
}
# It lists its tracks nowhere: each is known when its first packet comes.
_PROGRAM_STREAM_OPTIONS = {
    **_LIVE_OPTIONS,
    "analyzeduration": "5000000",
    "probesize": "5000000",
}

_TEXT_HEAD_BYTES = 1024
_ID3_HEAD_BYTES = 10
_FRAMES_BYTES = 4096  # hold two frames of MP3 or AAC, wherever the first begins
_BOX_HEAD_BYTES, _LONG_BOX_HEAD_BYTES = 8, 16
_CAF, _CAF_HEAD_BYTES, _CAF_CHUNK_HEAD_BYTES, _CAF_DESCRIPTION_BYTES = b"caff", 8, 12, 32
_PROGRAM_STREAM = b"\x00\x00\x01\xba"  # the first of its packs (ISO/IEC 13818-1, 2.5.3)


class _Refused(Exception):
    """The stream cannot be decoded; the refusal says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.words)
        self.refusal = refusal


def _unsupported(found: str) -> _Refused:
    return _Refused(Refusal(is_unsupported=True, words=found))


def _invalid(cause: str, *, is_transient: bool = True) -> _Refused:
    return _Refused(Refusal(is_unsupported=False, words=cause, is_transient=is_transient))


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


class _Input:
    """Standard input as FFmpeg reads it: forward only. Some of it can be looked at before."""

    def __init__(self, budget: CpuBudget, before_waiting: Callable[[], None]) -> None:
        self._budget = budget
        self._before_waiting = before_waiting
        self._ahead = bytearray()
        self.has_ended = False

    def read(self, size: int) -> bytes:
        """Return what is there, at least one byte; nothing at the end."""
        if not self._ahead:
            return self._take(size)
        piece = bytes(self._ahead[:size])
        del self._ahead[:size]
        return piece

    def peek(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer at the end; they stay to be read."""
        while len(self._ahead) < size and not self.has_ended:
            self._ahead += self._take(_READ_BYTES)
        return bytes(self._ahead[:size])

    def skip(self, size: int) -> None:
        while size and (piece := self.read(min(size, _READ_BYTES))):
            size -= len(piece)

    def read_all(self, max_bytes: int) -> bytes | None:
        """Return all that comes; None when it is more than `max_bytes`."""
        while not self.has_ended:
            self._ahead += self._take(_READ_BYTES)
            if len(self._ahead) > max_bytes:
                return None
        return bytes(self._ahead)

    def _take(self, size: int) -> bytes:
        self._before_waiting()
        data = os.read(_STDIN, size)
        self._budget.renew()
        self.has_ended = self.has_ended or not data
        return data


def main(arguments: list[str]) -> int:
    """Decode standard input to standard output by the limits, and the track that is wished."""
    limits = decode_limits(arguments[0])
    wish = decode_wish(arguments[1]) if arguments[1:] else TrackWish()
    is_isolated = isolate()
    limit_resources(limits.memory_bytes)
    budget = CpuBudget(limits.cpu_s)
    output = _Output(budget)
    # Nobody listens any more: the parent went.
    with suppress(BrokenPipeError):
        try:
            source = _Input(budget, output.flush)
            _decode(source, output, limits, wish, is_isolated=is_isolated)
        except _Refused as refused:
            output.send(Kind.ERROR, encode_refusal(refused.refusal))
        except MemoryError:
            refusal = Refusal(is_unsupported=False, words="it takes too much memory to decode")
            output.send(Kind.ERROR, encode_refusal(refusal))
    return 0


def _decode(
    source: _Input,
    output: _Output,
    limits: DecoderLimits,
    wish: TrackWish,
    *,
    is_isolated: bool,
) -> None:
    head = _look_ahead(source)
    if (wav := find_wav(source.peek)) is not None:
        said = {**asdict(describe_wav(wav)), "is_isolated": is_isolated}
        output.send(Kind.INFO, json.dumps(said).encode())
        _put_out_wav(source, output)
        return
    links = OggLinks(source) if is_ogg(head) else None
    # PyAV needs no more than `read`.
    readable = cast("BinaryIO", links) if links else _make_readable(source, limits)
    with _open(readable, head, source) as container:
        stream = _choose(container, wish)
        info = {**asdict(describe(container, stream)), "is_isolated": is_isolated}
        output.send(Kind.INFO, json.dumps(info).encode())
        track = ChainReader(
            container, links, lambda: _open_link(readable, head, source), stream=stream
        )
        try:
            _put_out(track, output)
        except TrackBreak as error:
            raise _invalid(error.words) from error
    if not track.is_heard:
        codec = str(info["codec"])
        raise (
            _unsupported(f"a {codec} track of which nothing can be decoded")
            if track.broken_packets
            else _invalid("it ended before any audio came")
        )
    ending = TrackEnd(broken_packets=track.broken_packets, missing_s=track.missing_s)
    output.send(Kind.END, encode_track_end(ending))


def _put_out_wav(source: _Input, output: _Output) -> None:
    decoder = WireDecoder()
    is_heard = False
    while data := source.read(_READ_BYTES):
        samples = decoder.receive_bytes(data)
        is_heard = is_heard or samples.size > 0
        output.send_pcm(encode_pcm(samples))
    last = decoder.receive_end()
    if not is_heard and not last.size:
        raise _invalid("it ended before any audio came")
    output.send_pcm(encode_pcm(last))
    output.send(Kind.END, encode_track_end(TrackEnd(broken_packets=0, missing_s=0.0)))


def _open_link(readable: BinaryIO, head: bytes, source: _Input) -> InputContainer | None:
    """Return a later link, None where there is no sound in it."""
    try:
        container = _open(readable, head, source)
        _choose(container, TrackWish())
    except _Refused:
        return None
    return container


def _put_out(track: ChainReader, output: _Output) -> None:
    for piece in resample_frames(track.frames()):
        if isinstance(piece, Missing):
            output.send(Kind.GAP, encode_gap(piece.seconds))
        else:
            output.send_pcm(encode_pcm(piece))


def _look_ahead(source: _Input) -> bytes:
    """Return the first bytes after tags, which FFmpeg need not see. Refuse what is no media."""
    head = source.peek(_ID3_HEAD_BYTES)
    if not head:
        raise _invalid("it is empty")
    while head[:3] == b"ID3" and len(head) == _ID3_HEAD_BYTES:
        # Four times seven bits.
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        source.skip(_ID3_HEAD_BYTES + size)
        head = source.peek(_ID3_HEAD_BYTES)
    if find_stranger(head) or _may_be_text(head):
        head = source.peek(_TEXT_HEAD_BYTES)
        stranger = find_stranger(head)
        if stranger:
            raise _unsupported(stranger)
    return head


def _may_be_text(head: bytes) -> bool:
    return min(head, default=0) >= ord("\t")


def _make_readable(source: _Input, limits: DecoderLimits) -> BinaryIO:
    """Return what FFmpeg shall read: the input, or all of it when it has to go back and forth."""
    head = source.peek(_BOX_HEAD_BYTES)
    if head[4:] == b"ftyp" and _has_index_at_end(source):
        name, remedy = "an MP4", " (make it with the index first: `-movflags faststart`)"
    elif head[:4] == _CAF and _has_packet_table_at_end(source):
        name, remedy = "a Core Audio", ""
    else:
        return cast("BinaryIO", source)  # PyAV needs no more than `read`
    data = source.read_all(limits.whole_file_bytes)
    if data is None:
        megabytes = limits.whole_file_bytes // 1_000_000
        raise _unsupported(
            f"{name} file of more than {megabytes} MB whose index is at its end{remedy}"
        )
    return io.BytesIO(data)


def _has_index_at_end(source: _Input) -> bool:
    """Tell whether the media of an MP4 file come before its index."""
    at = 0
    for _ in range(16):  # a few small boxes may come first
        head = source.peek(at + _LONG_BOX_HEAD_BYTES)[at:]
        kind, size = head[4:8], int.from_bytes(head[:4], "big")
        if kind == b"mdat":
            return True
        if size < _BOX_HEAD_BYTES or size > _READ_BYTES or kind in (b"moov", b"moof"):
            return False
        at += size
    return False


def _has_packet_table_at_end(source: _Input) -> bool:
    """Tell whether the media of a CAF file come before what cuts them into packets."""
    at, is_cut = _CAF_HEAD_BYTES, True
    for _ in range(16):
        chunk = source.peek(at + _CAF_CHUNK_HEAD_BYTES + _CAF_DESCRIPTION_BYTES)[at:]
        kind, size = chunk[:4], int.from_bytes(chunk[4:12], "big", signed=True)
        if kind == b"desc":  # bytes of a packet; 0 where they are not all alike
            is_cut = any(chunk[_CAF_CHUNK_HEAD_BYTES + 16 : _CAF_CHUNK_HEAD_BYTES + 20])
        if kind in (b"data", b"pakt") or not 0 <= size <= _READ_BYTES:
            return kind == b"data" and not is_cut
        at += _CAF_CHUNK_HEAD_BYTES + size
    return False


def _open(readable: BinaryIO, head: bytes, source: _Input) -> InputContainer:
    name = "ogg" if is_ogg(head) else _format_of(source)
    try:
        container = av.open(
            readable,
            "r",
            format=name,
            options=_PROGRAM_STREAM_OPTIONS if name == "mpeg" else _LIVE_OPTIONS,
            metadata_errors="ignore",
        )
    except MemoryError:
        raise
    except (av.FFmpegError, ValueError) as error:
        found = sniff(head).name
        if found and source.has_ended:
            raise _invalid(f"it ended before {found} could be read") from error
        raise _unsupported(
            f"{found} that cannot be read" if found else "bytes of no known audio format"
        ) from error
    return container


def _choose(container: InputContainer, wish: TrackWish) -> AudioStream:
    """Return the track that is to be heard."""
    stream = choose_track(container, wish, _CODECS.split(",").__contains__)
    count = len(container.streams.audio)
    if stream is not None:
        return stream
    if wish.number is not None and not 1 <= wish.number <= count:
        raise _unsupported(f"{count} audio tracks, no track {wish.number}")
    if count:
        raise _unsupported("an audio track of a codec that is not decoded here")
    if container.streams.video:
        raise _unsupported("video without an audio track")
    raise _unsupported(f"{container.format.long_name} without an audio track")


def _format_of(source: _Input) -> str | None:
    """Return FFmpeg's name of a format that it would take 64 KiB to find: seconds of radio."""
    head = source.peek(_FRAMES_BYTES)
    if head.startswith(_PROGRAM_STREAM):
        return "mpeg"
    guess = sniff(head)
    if guess.kind == "wav":
        return "wav" if head[8:12] == b"WAVE" else None
    if guess.kind == "pcm":  # no mark: radio that is entered in the middle
        guess = find_frames(head) or guess
    return {MP3: "mp3", AAC: "aac"}.get(guess.name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
