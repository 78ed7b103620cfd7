"""Media of this machine to PCM: a file or a pipe, decoded by a process of its own.

Theory of operation. What a file is judged by is the decoder process, the same as for what comes
from a URL. Its standard input is the file itself, which it may go back in, or our own standard
input; no byte of it passes through here. `LocalDecoder` starts and ends the process, and
`receive` makes of its output what was heard; who reads that output waits in his own way.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Self, TypeAlias

from scribewire.audio.container import AudioInfo, TrackWish
from scribewire.audio.decoder_messages import (
    HEAD,
    MAX_BODY_BYTES,
    MAY_BE_PCM,
    DecoderLimits,
    Kind,
    Refusal,
    TrackEnd,
    TrackStart,
    decode_gap,
    decode_info,
    decode_refusal,
    decode_track_end,
    decode_track_start,
    encode_limits,
    encode_wish,
)
from scribewire.audio.frames import Missing, silence
from scribewire.audio.pcm import WIRE_PCM, decode_pcm
from scribewire.errors import ClientFault

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from scribewire.types import Samples

READ_BYTES: Final = 65_536  # what a Linux pipe holds
# -S: it is told where its packages are, and starts faster. -P: not from where we happen to be.
_COMMAND: Final = ("-S", "-s", "-P", "-m", "scribewire.audio.decoder_process")
# The index of a film of many hours is long; a file that is made to fill the memory still fails.
_LIMITS: Final = DecoderLimits(memory_bytes=2 * 1024**3)
_FILE_REMEDY: Final = "give a file with an audio track (WAV, MP3, M4A, FLAC, Ogg, WebM, MP4, ...)"
_PIPE_REMEDY: Final = "pipe raw PCM (16-bit, 16 kHz, mono), WAV, or a file with an audio track"

TrackPiece: TypeAlias = TrackStart | bytes | Missing | AudioInfo | TrackEnd
"""The start comes first and the end last, between them PCM of the wire and what is missing of it;
an `AudioInfo` where what was heard until then is silent and another track follows."""


class LocalDecoder:
    """A process that decodes one file, or what is piped, from where it is read.

    It runs in the context; at its end it is gone, whatever happened.
    """

    def __init__(
        self, name: str, source: int, wish: TrackWish | None = None, *, may_be_pcm: bool = False
    ) -> None:
        """`source` is its descriptor. With `may_be_pcm` what bears no mark is PCM of the wire."""
        self._name = name
        self._source = source
        self._arguments = [encode_limits(_LIMITS), encode_wish(wish or TrackWish())]
        self._arguments += [MAY_BE_PCM] if may_be_pcm else []
        self._remedy = _PIPE_REMEDY if may_be_pcm else _FILE_REMEDY
        self._process: subprocess.Popen[bytes] | None = None
        self._held = bytearray()
        self._info: AudioInfo | None = None
        self._has_ended = False

    def __enter__(self) -> Self:
        """Start the process."""
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            (sys.executable, *_COMMAND, *self._arguments),
            stdin=self._source,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for us
            env=decoder_environment(),
        )
        return self

    def __exit__(self, *_: object) -> None:
        """End the process, if it has not ended."""
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.kill()
        self._process.stdout.close()
        self._process.wait()

    @property
    def pid(self) -> int:
        """The number of the process."""
        assert self._process is not None
        return self._process.pid

    def fileno(self) -> int:
        """Return the descriptor from which its output is read."""
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def receive(self, data: bytes) -> Iterator[TrackPiece]:
        """Take what it has put out, nothing at the end; yield what was heard.

        Raises ClientFault when the process gives up, or goes without a word.
        """
        self._held += data
        while (message := self._next_message()) is not None:
            piece = self._read_message(*message)
            if piece is not None:
                yield piece
        if not data and not self._has_ended:
            raise self._crash("the decoder crashed or used more than it may")

    def _next_message(self) -> tuple[int, bytes] | None:
        if len(self._held) < HEAD.size:
            return None
        kind, length = HEAD.unpack_from(self._held)
        if length > MAX_BODY_BYTES:
            raise self._crash("the decoder talks nonsense")
        end = HEAD.size + length
        if len(self._held) < end:
            return None
        body = bytes(self._held[HEAD.size : end])
        del self._held[:end]
        return kind, body

    def _read_message(self, kind: int, body: bytes) -> TrackPiece | None:
        try:
            match Kind(kind):
                case Kind.PCM:
                    return body
                case Kind.GAP:
                    return Missing(decode_gap(body))
                case Kind.INFO:
                    start = decode_track_start(body)
                    self._info = start.info
                    return start
                case Kind.TRACK:
                    before, self._info = self._info, decode_info(body)
                    is_other = before is None or before.track != self._info.track
                    return self._info if is_other else None
                case Kind.END:
                    self._has_ended = True
                    return decode_track_end(body)
                case Kind.ERROR:
                    raise self._refuse(decode_refusal(body))
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            # Whatever it is made to say.
            raise self._crash("the decoder talks nonsense") from error

    def _refuse(self, refusal: Refusal) -> ClientFault:
        words = refusal.words
        if refusal.is_unsupported:
            words = f"found {words}"
        if refusal.is_unsupported or self._info is None:
            words = f"{words}; {self._remedy}"
        return ClientFault(f"{self._name}: {words}")

    def _crash(self, cause: str) -> ClientFault:
        return ClientFault(f"{self._name}: its audio cannot be decoded ({cause})")


def open_media(path: Path | str) -> BinaryIO:
    """Open a file that is to be decoded. Raises ClientFault."""
    try:
        return Path(path).open("rb", buffering=0)
    except OSError as error:
        raise ClientFault(f"{path}: {_explain_refusal(error)}") from error


def read_audio(path: Path | str, wish: TrackWish | None = None) -> Generator[Samples]:
    """Yield an audio track, the first that can be decoded unless another is wished.

    Nothing is opened before the first samples are asked for. What cannot be decoded is silence.
    Raises ClientFault when there is no such file, no audio in it, or when the rest of it cannot
    be decoded; what was yielded until then is good.
    """
    with open_media(path) as file, LocalDecoder(str(path), file.fileno(), wish) as decoder:
        for one in _wait_for(decoder):
            match one:
                case bytes():
                    yield decode_pcm(one, WIRE_PCM)
                case Missing(seconds):
                    yield from silence(seconds)


def _wait_for(decoder: LocalDecoder) -> Iterator[TrackPiece]:
    while data := os.read(decoder.fileno(), READ_BYTES):
        yield from decoder.receive(data)
    yield from decoder.receive(b"")


def _explain_refusal(error: OSError) -> str:
    reason = (error.strerror or "cannot be opened").lower()
    if isinstance(error, PermissionError):
        return f"{reason}; let your user read it, or copy it to where you may"
    return f"{reason}; {_FILE_REMEDY}"


def decoder_environment() -> dict[str, str]:
    """Return what the process may know of ours: where its code is. Keys stay here."""
    return {
        "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
        # One thread: a second would cost memory, and nobody with two may leave the network.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
