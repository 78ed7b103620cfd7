"""Files and pipes of this machine, through the process that decodes them."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from scribewire.audio.container import AudioInfo
from scribewire.audio.decoder_messages import (
    Kind,
    Refusal,
    TrackEnd,
    TrackStart,
    encode_gap,
    encode_info,
    encode_message,
    encode_refusal,
    encode_track_end,
    encode_track_start,
)
from scribewire.audio.frames import Missing
from scribewire.audio.local_decoder import LocalDecoder, TrackPiece, open_media, read_audio
from scribewire.errors import ClientFault
from tests.parts.wav import wav

pytestmark = pytest.mark.slow  # nearly each case starts a process

REMEDY = "give a file with an audio track (WAV, MP3, M4A, FLAC, Ogg, WebM, MP4, ...)"
INFO = AudioInfo(container="wav", codec="pcm_s16le", rate_hz=8000, channels=1, duration_ms=None)
OTHER = replace(INFO, track=2)
START = TrackStart(info=INFO, is_isolated=True)
END = TrackEnd(broken_packets=1, missing_s=2.5)
CRASHED = "its audio cannot be decoded (the decoder crashed or used more than it may)"
NONSENSE = "its audio cannot be decoded (the decoder talks nonsense)"
STARTED = encode_message(Kind.INFO, encode_track_start(START))


def refusal(path: Path) -> str:
    with pytest.raises(ClientFault) as caught:
        list(read_audio(path))
    return caught.value.message


# What the process says.


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_what_the_process_says_is_heard_however_it_is_cut(size: int) -> None:
    said = (
        STARTED
        + encode_message(Kind.PCM, b"\x01\x02")
        + encode_message(Kind.GAP, encode_gap(2.5))
        + encode_message(Kind.TRACK, encode_info(INFO))  # it stays with that one
        + encode_message(Kind.TRACK, encode_info(OTHER))
        + encode_message(Kind.END, encode_track_end(END))
    )
    decoder = LocalDecoder("a", 0)

    heard: list[TrackPiece] = []
    for at in range(0, len(said), size):
        heard += decoder.receive(said[at : at + size])
    heard += decoder.receive(b"")

    assert heard == [START, b"\x01\x02", Missing(2.5), OTHER, END]


def hear(decoder: LocalDecoder, *pieces: bytes) -> None:
    for data in pieces:
        list(decoder.receive(data))


def refuse(*, is_unsupported: bool, words: str) -> bytes:
    refusal = Refusal(is_unsupported=is_unsupported, words=words)
    return encode_message(Kind.ERROR, encode_refusal(refusal))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"", CRASHED),
        (STARTED, CRASHED),
        (STARTED[:9], CRASHED),
        (b"nonsense", NONSENSE),
        (
            encode_message(Kind.GAP, b"7"),
            NONSENSE,
        ),
        (
            encode_message(Kind.INFO, b"7"),
            NONSENSE,
        ),
        (refuse(is_unsupported=True, words="text"), f"found text; {REMEDY}"),
        (refuse(is_unsupported=False, words="it is empty"), f"it is empty; {REMEDY}"),
        (STARTED + refuse(is_unsupported=False, words="it ends there"), "it ends there"),
    ],
)
def test_an_end_without_a_word_is_an_error_as_a_refusal_is(said: bytes, words: str) -> None:
    decoder = LocalDecoder("a.mp3", 0)

    with pytest.raises(ClientFault) as caught:
        hear(decoder, said, b"")

    assert caught.value.message == f"a.mp3: {words}"


# The process.


@pytest.fixture
def hour(tmp_path: Path) -> Path:
    """Far more than what a pipe holds."""
    path = tmp_path / "hour.wav"
    path.write_bytes(wav(bytes(3600 * 16_000), rate_hz=8000))
    return path


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def can_be_isolated() -> bool:
    program = "from scribewire.audio.sandbox import isolate; print(isolate())"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    return done.stdout == b"True\n"


def test_the_process_has_no_network_and_is_gone_at_the_end(hour: Path) -> None:
    with open_media(hour) as file, LocalDecoder("hour", file.fileno()) as decoder:
        start, *_ = decoder.receive(os.read(decoder.fileno(), 4096))
        was_there = is_there(decoder.pid)

    assert isinstance(start, TrackStart)
    assert start.is_isolated is can_be_isolated()
    assert (was_there, is_there(decoder.pid)) == (True, False)


def test_ctrl_c_leaves_no_process(hour: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        open_media(hour) as file,
        LocalDecoder("hour", file.fileno()) as decoder,
    ):
        signal.raise_signal(signal.SIGINT)  # and not some time after it

    assert not is_there(decoder.pid)


def read_on(decoder: LocalDecoder, heard: list[TrackPiece]) -> None:
    while True:
        heard += decoder.receive(os.read(decoder.fileno(), 65_536))


def test_a_process_that_is_killed_is_an_error_after_what_was_heard(hour: Path) -> None:
    heard: list[TrackPiece] = []
    with open_media(hour) as file, LocalDecoder("hour", file.fileno()) as decoder:
        while len(heard) < 2:
            heard += decoder.receive(os.read(decoder.fileno(), 4096))
        os.kill(decoder.pid, signal.SIGKILL)

        with pytest.raises(ClientFault) as caught:
            read_on(decoder, heard)

    assert caught.value.message == f"hour: {CRASHED}"
    assert len(heard) < 3600


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows processes as files")
def test_a_reader_that_is_left_ends_its_process(hour: Path) -> None:
    before = children()
    samples = read_audio(hour)
    assert next(samples).size
    assert len(children()) == len(before) + 1
    samples.close()

    assert children() == before


def children() -> list[str]:
    """Return the numbers of our processes: other tests may have left theirs for the whole run."""
    texts = [one.read_text("ascii") for one in Path("/proc/self/task").glob("*/children")]
    return sorted(" ".join(texts).split())


# What is no audio.


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.wav") == (
        f"{tmp_path}/none.wav: no such file or directory; {REMEDY}"
    )


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert "is a directory" in refusal(tmp_path)


KINDS = {
    "nothing": (b"", "it is empty"),
    "zeros": (bytes(5000), "found bytes of no known audio format"),
    "text": (b"no audio at all\n" * 500, "found text"),
    "a page": (b"<!DOCTYPE html><p>Not found", "found an HTML page"),
    "a document": (b"%PDF-1.7\n" + bytes(5000), "found a PDF document"),
    "an archive": (b"PK\x03\x04" + bytes(5000), "found a ZIP archive"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(99), "found a picture (PNG)"),
    "no index": (
        b"\x00\x00\x00\x10ftypM4A " + bytes(4) + b"\x00\x01\x00\x00mdat" + bytes(5000),
        "found an MP4 or M4A file that is cut off or damaged",
    ),
    "a playlist": (
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nother.wav\n#EXT-X-ENDLIST\n",
        "found a playlist",
    ),
    "a list": (b"ffconcat version 1.0\nfile 'other.wav'\n", "found text"),
}


@pytest.mark.parametrize(("data", "words"), KINDS.values(), ids=KINDS)
def test_a_file_that_is_not_audio_is_refused_as_what_it_is(
    data: bytes, words: str, tmp_path: Path
) -> None:
    (tmp_path / "other.wav").write_bytes(wav(bytes(32_000)))
    path = tmp_path / "talk.wav"
    path.write_bytes(data)

    assert refusal(path) == f"{path}: {words}; {REMEDY}"


def test_half_a_header_is_no_audio(tmp_path: Path) -> None:
    path = tmp_path / "talk.wav"
    path.write_bytes(wav(bytes(99))[:20])

    assert refusal(path).startswith(f"{path}: ")


def test_a_file_that_may_not_be_read_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "talk.wav"
    path.write_bytes(wav(bytes(99)))
    path.chmod(0)
    user = os.geteuid()
    try:
        if user == 0:  # who may read everything
            os.seteuid(65_534)
        told = refusal(path)
    finally:
        os.seteuid(user)

    assert told == f"{path}: permission denied; let your user read it, or copy it to where you may"


def test_a_film_without_sound_is_refused_with_what_was_found(tmp_path: Path) -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as output:
        stream = output.add_stream("mpeg4", rate=25)
        stream.width, stream.height = 32, 32
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")
        for part in (frame, None):
            output.mux(stream.encode(part))
    path = tmp_path / "film.mkv"
    path.write_bytes(file.getvalue())

    assert refusal(path) == f"{path}: found video without an audio track; {REMEDY}"
