"""Audio files of any kind to samples, through FFmpeg.

A file is opened here and given to FFmpeg as bytes: it gets no address and may open nothing by
itself, since playlists and reference movies name other files and hosts. Give paths only on
behalf of whoever started the program; what a client sends comes as a file object.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NoReturn, cast

import av
import numpy as np

from scribewire.audio.chain import ChainReader
from scribewire.audio.frames import Missing, resample_frames, silence
from scribewire.audio.languages import main_language
from scribewire.audio.ogg import OGG_MAGIC, OggLinks, is_ogg
from scribewire.audio.pcm import SAMPLE_BYTES
from scribewire.audio.sniff import find_stranger, sniff
from scribewire.audio.track import TrackBreak
from scribewire.audio.track_choice import MOST_TRACKS
from scribewire.audio.wav_stream import find_wav
from scribewire.audio.wire import WireDecoder
from scribewire.errors import ClientFault
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from av.audio.stream import AudioStream
    from av.container import InputContainer

    from scribewire.audio.wav_stream import WavStream
    from scribewire.types import Samples

CHUNK_SAMPLES = SAMPLE_RATE // 5  # 0.2 s: some hops of the recognizer, little to hold

# Containers and raw streams, no playlists (hls, concat, dash): those make FFmpeg open others.
_FORMATS = (
    "wav,w64,aiff,au,caf,flac,mp3,ogg,aac,ac3,eac3,amr,asf,avi,flv,loas,"
    "matroska,webm,mov,mp4,m4a,3gp,mpeg,mpegts,tta,wv,ape,dts"
)
OPTIONS = {"format_whitelist": _FORMATS, "protocol_whitelist": "none"}
"""How FFmpeg is to open whatever it is given."""

_LIBRARIES = ("libavformat", "libavcodec")  # those that read what strangers wrote

_READ_BYTES = 1 << 16
_HEAD_BYTES = 1024  # of a file that cannot be opened, to say what it is
_REMEDY = "give a file with an audio track (WAV, MP3, M4A, FLAC, Ogg, WebM, MP4, ...)"


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioInfo:
    """What a file says about an audio track: the first, or the one that was chosen."""

    container: str
    """FFmpeg's name of the format."""
    codec: str
    """FFmpeg's name of the codec."""
    rate_hz: int
    channels: int
    duration_ms: int | None
    """None when the file does not say, as with a live recording."""
    track: int = 1
    """Which of the audio tracks this is, from 1."""
    tracks: tuple[str, ...] = ()
    """All of them in words, where there are several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackWish:
    """Which audio track is to be heard: the first that can be, unless something is wished."""

    number: int | None = None
    """From 1 among the audio tracks; another one is not taken instead."""
    language: str | None = None
    """ISO 639-1 code; preferred if a track is tagged so."""
    settled: int | None = None
    """From 1: the one that the source was found to speak on before; it is heard if it is there."""


def choose_tracks(
    container: InputContainer, wish: TrackWish, can_decode: Callable[[str], bool] = lambda _: True
) -> list[AudioStream]:
    """Return the audio track to hear, of those whose codec `can_decode`, or nothing.

    Behind it come those that are as good, to be heard should it be silent.
    """
    known = {
        number: stream
        for number, stream in enumerate(container.streams.audio, 1)
        if _codec(stream) and can_decode(_codec(stream))
    }
    fixed = wish.settled if wish.number is None else wish.number
    if fixed in known:
        return [known[fixed]]
    if wish.number is not None:
        return []
    wished = [stream for stream in known.values() if _language(stream) == wish.language]
    return (wished or list(known.values()))[:MOST_TRACKS]


def _codec(stream: AudioStream) -> str:
    return stream.codec_context.name if stream.codec_context else ""


def _language(stream: AudioStream) -> str:
    return main_language(stream.metadata.get("language", ""))


def _describe_track(number: int, stream: AudioStream) -> str:
    if not _codec(stream):
        return f"{number}: a codec that is not known"
    codec = stream.codec_context
    language = f", {_language(stream)}" if _language(stream) not in ("", "und") else ""
    channels = f"{codec.channels} channel{'' if codec.channels == 1 else 's'}"
    return f"{number}: {codec.name}, {codec.sample_rate} Hz, {channels}{language}"


def probe_audio(source: Path | str | BinaryIO) -> AudioInfo:
    """Return what `source` says about itself. A file object is put back to where it was.

    Raises ClientFault when there is no such file or no audio in it.
    """
    position = None if isinstance(source, Path | str) else source.tell()
    with _open_container(source) as container:
        info = describe(container)
    if position is not None and not isinstance(source, Path | str):
        source.seek(position)
    return info


def describe(container: InputContainer, stream: AudioStream | None = None) -> AudioInfo:
    """Return what an opened container says about an audio track, the first unless it is named."""
    streams = list(container.streams.audio)
    stream = streams[0] if stream is None else stream
    codec = stream.codec_context
    several = streams if len(streams) > 1 else []
    return AudioInfo(
        container=container.format.name,
        codec=codec.name,
        rate_hz=codec.sample_rate,
        channels=codec.channels,
        duration_ms=None if container.duration is None else container.duration // 1000,
        track=streams.index(stream) + 1,
        tracks=tuple(_describe_track(number, one) for number, one in enumerate(several, 1)),
    )


def describe_wav(wav: WavStream) -> AudioInfo:
    """Return what the header of a WAV says, once it is read."""
    assert wav.pcm_format is not None
    found = wav.pcm_format
    order = "be" if found.is_big_endian else "" if SAMPLE_BYTES[found.encoding] == 1 else "le"
    block_rate = found.block_bytes * found.rate_hz
    return AudioInfo(
        container="wav",
        codec=f"pcm_{found.encoding}{order}",
        rate_hz=found.rate_hz,
        channels=found.channels,
        duration_ms=None if wav.data_bytes is None else 1000 * wav.data_bytes // block_rate,
    )


def read_audio(source: Path | str | BinaryIO) -> Iterator[Samples]:
    """Yield the audio track that is heard in chunks of `CHUNK_SAMPLES`; the last may be shorter.

    Nothing is opened before the first chunk is asked for. Packets that cannot be decoded are
    silence. Raises ClientFault when there is no such file, no audio in it, or when the rest of it
    cannot be decoded; what was yielded until then is good.
    """
    if isinstance(source, Path | str):
        with _open_file(source) as file:
            yield from read_audio(file)
        return
    if source.seekable() and find_wav(partial(_peek, source)) is not None:
        yield from _cut_evenly(_read_wav(source))
        return
    readable, links = _find_links(source)
    with _open_container(source, readable) as container:
        streams = choose_tracks(container, TrackWish())
        track = ChainReader(container, links, lambda: _open_link(readable), streams=streams)
        yield from _cut_evenly(_read_pieces(track, container, source))


def library_versions() -> str:
    """Return what decodes here and of which version, in one line."""
    versions = av.library_versions
    libraries = (f"{name} {'.'.join(map(str, versions[name]))}" for name in _LIBRARIES)
    return f"PyAV {av.__version__} with {', '.join(libraries)}"


@contextmanager
def _open_container(
    source: Path | str | BinaryIO, readable: BinaryIO | None = None
) -> Iterator[InputContainer]:
    """Open `source`, from which `readable` reads, if it is not read as it is."""
    if isinstance(source, Path | str):
        with _open_file(source) as file, _open_container(file) as container:
            yield container
        return
    try:
        container = av.open(readable or source, "r", options=OPTIONS)
    except (av.FFmpegError, ValueError) as error:
        raise ClientFault(f"{_name(source)}: {_say_what_it_is(source)}; {_REMEDY}") from error
    with container:
        if not container.streams.audio:
            _refuse_tracks(source, container)
        yield container


def _open_file(path: Path | str) -> BinaryIO:
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise ClientFault(f"{path}: {_explain_refusal(error)}") from error


class _Rejoined:
    """What cannot be gone back in, with the bytes that were looked at before it."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head, self._rest = head, rest

    def read(self, size: int) -> bytes:
        piece, self._head = self._head[:size], self._head[size:]
        return piece or self._rest.read(size)


def _peek(source: BinaryIO, size: int) -> bytes:
    head = source.read(size)
    source.seek(-len(head), os.SEEK_CUR)
    return head


def _read_wav(source: BinaryIO) -> Iterator[Samples]:
    decoder = WireDecoder()
    while data := source.read(_READ_BYTES):
        yield decoder.receive_bytes(data)
    yield decoder.receive_end()


def _find_links(source: BinaryIO) -> tuple[BinaryIO, OggLinks | None]:
    """Return what FFmpeg is to read: the links of an Ogg file one by one, all else as it is."""
    head = source.read(len(OGG_MAGIC))
    if source.seekable():
        source.seek(-len(head), os.SEEK_CUR)
    else:
        source = cast("BinaryIO", _Rejoined(head, source))  # FFmpeg needs no more than `read`
    if not is_ogg(head):
        return source, None
    links = OggLinks(source)
    return cast("BinaryIO", links), links


def _open_link(readable: BinaryIO) -> InputContainer | None:
    """Return a later link, None where there is no sound in it."""
    try:
        container = av.open(readable, "r", format="ogg", options=OPTIONS)
    except (av.FFmpegError, ValueError):
        return None
    return container if container.streams.audio else None


def _refuse_tracks(source: BinaryIO, container: InputContainer) -> NoReturn:
    tracks = ", ".join(stream.type for stream in container.streams) or "no track"
    found = f"{container.format.name} with {tracks}"
    raise ClientFault(f"{_name(source)}: no audio track: found {found}; {_REMEDY}")


def _explain_refusal(error: OSError) -> str:
    reason = (error.strerror or "cannot be opened").lower()
    if isinstance(error, PermissionError):
        return f"{reason}; let your user read it, or copy it to where you may"
    return f"{reason}; {_REMEDY}"


def _say_what_it_is(source: BinaryIO) -> str:
    """Say what FFmpeg cannot open, as far as its first bytes tell."""
    if not source.seekable():
        return "not an audio file"
    source.seek(0)
    head = source.read(_HEAD_BYTES)
    if not head:
        return "the file is empty"
    if (stranger := find_stranger(head)) is not None:
        return f"not an audio file but {stranger}"
    guess = sniff(head)
    name = "a WAV file" if guess.kind == "wav" else guess.name
    return f"{name} that is cut off or damaged" if name else "not an audio file"


def _read_pieces(
    track: ChainReader, container: InputContainer, source: BinaryIO
) -> Iterator[Samples]:
    name = _name(source)
    try:
        for piece in resample_frames(track.frames()):
            yield from silence(piece.seconds) if isinstance(piece, Missing) else (piece,)
    except TrackBreak as error:
        if not (words := _explain_pipe(container, source)) or track.is_heard:
            words = error.words
        raise ClientFault(f"{name}: {words}") from error
    if not track.is_heard and track.broken_packets:
        codec = container.streams.audio[0].codec_context.name
        words = f"no packet of the {codec} track can be decoded; {_REMEDY}"
        raise ClientFault(f"{name}: {_explain_pipe(container, source) or words}")


def _explain_pipe(container: InputContainer, source: BinaryIO) -> str:
    """Say why nothing of it can be read, where that is because it cannot be gone back in."""
    if source.seekable() or "mp4" not in container.format.name:
        return ""
    return (
        "an MP4 file whose index is at its end cannot be read from a pipe; save it "
        "and name the file, or write it with `ffmpeg -movflags +faststart`"
    )


def _cut_evenly(pieces: Iterator[Samples]) -> Iterator[Samples]:
    held: list[Samples] = []
    held_samples = 0
    for piece in pieces:
        held.append(piece)
        held_samples += piece.size
        if held_samples < CHUNK_SAMPLES:
            continue
        joined = np.concatenate(held)
        end = held_samples - held_samples % CHUNK_SAMPLES
        for start in range(0, end, CHUNK_SAMPLES):
            yield joined[start : start + CHUNK_SAMPLES]
        held, held_samples = [joined[end:]], held_samples - end
    if held_samples:
        yield np.concatenate(held)


def _name(source: BinaryIO) -> str:
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "the stream"
