"""The microphone, through PortAudio: its thread calls us, the event loop gets the audio."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from scribewire.cli.audio_sources import AudioSource
from scribewire.cli.exits import CommandFault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

CHUNKS_PER_S = 20  # 50 ms: a little under a hop of the recognizer
MAX_WAITING_CHUNKS = 60 * CHUNKS_PER_S  # a minute behind, a caption is of no use any more

_NO_LIBRARY = (
    "the microphone needs the PortAudio library: {reason}; install it (Debian and Ubuntu: "
    "apt-get install libportaudio2; Fedora: dnf install portaudio) "
    "or pipe audio into `scribewire transcribe -`"
)
_NO_DEVICE = "no microphone: {reason}; plug one in, or pipe audio into `scribewire transcribe -`"


class SoundLibrary(Protocol):
    """The part of sounddevice that is used here."""

    def query_devices(self, device: None = None, kind: str = "input") -> Mapping[str, object]:
        """Return what is known of the default device, or raise `PortAudioError`."""

    def RawInputStream(  # noqa: N802 - as the library has it
        self,
        *,
        samplerate: int,
        blocksize: int,
        channels: int,
        dtype: str,
        callback: Callable[[bytes, int, object, object], None],
    ) -> AbstractContextManager[object]:
        """Record while the context is open."""

    @property
    def PortAudioError(self) -> type[Exception]:  # noqa: N802 - as the library has it
        """What the library raises."""


def open_microphone(library: SoundLibrary | None = None) -> AudioSource:
    """Return the default microphone; it records from the first chunk asked for.

    Raises CommandFault when there is none.
    """
    library = library or _load_library()
    try:
        device = library.query_devices(kind="input")
    except (library.PortAudioError, ValueError) as error:
        raise CommandFault(_NO_DEVICE.format(reason=str(error) or "none found")) from error
    rate_hz = int(float(str(device["default_samplerate"])))
    return AudioSource(_record(library, rate_hz))


def _load_library() -> SoundLibrary:
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # OSError: the wheel is there, PortAudio is not
        raise CommandFault(_NO_LIBRARY.format(reason=error)) from error
    library: SoundLibrary = sounddevice
    return library


async def _record(library: SoundLibrary, rate_hz: int) -> AsyncIterator[bytes]:
    from scribewire.audio.pcm import PcmFormat, decode_pcm, encode_pcm
    from scribewire.audio.resampler import Resampler

    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue()
    recorded = PcmFormat(encoding="s16", channels=1, rate_hz=rate_hz)
    resampler = Resampler(rate_hz)

    def receive(audio: bytes, _frames: int, _times: object, _status: object) -> None:
        loop.call_soon_threadsafe(chunks.put_nowait, bytes(audio))

    try:
        stream = library.RawInputStream(
            samplerate=rate_hz,
            blocksize=rate_hz // CHUNKS_PER_S,
            channels=1,
            dtype="int16",
            callback=receive,
        )
    except library.PortAudioError as error:
        raise CommandFault(_NO_DEVICE.format(reason=error)) from error
    with stream:
        while True:
            audio = await chunks.get()
            if chunks.qsize() > MAX_WAITING_CHUNKS:
                raise CommandFault("the microphone is a minute ahead of the recognition: stopped")
            yield encode_pcm(resampler.receive_samples(decode_pcm(audio, recorded)))
