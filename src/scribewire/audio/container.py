"""What a container says of its audio tracks, and which of them is heard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scribewire.audio.languages import main_language
from scribewire.audio.pcm import SAMPLE_BYTES
from scribewire.audio.track_choice import MOST_TRACKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.audio.stream import AudioStream
    from av.container import InputContainer

    from scribewire.audio.wav_stream import WavStream


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
