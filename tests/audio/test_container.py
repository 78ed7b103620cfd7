from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from scribewire.audio.container import (
    CHUNK_SAMPLES,
    AudioInfo,
    library_versions,
    probe_audio,
    read_audio,
)
from scribewire.audio.wire import WireDecoder
from scribewire.errors import ClientFault
from tests.parts.wav import WavFields, wav

if TYPE_CHECKING:
    from scribewire.types import Samples


def read(data: bytes) -> Samples:
    return np.concatenate(list(read_audio(io.BytesIO(data))))


def refusal(source: Path | io.BytesIO) -> str:
    with pytest.raises(ClientFault) as caught:
        list(read_audio(source))
    return caught.value.message


def loudest_hz(samples: Samples) -> float:
    return float(np.abs(np.fft.rfft(samples)).argmax() * 16_000 / samples.size)


FORMATS: list[WavFields] = [
    {"bits": 8}, {"bits": 16}, {"bits": 24, "channels": 2}, {"bits": 32, "rate_hz": 44_100},
    {"bits": 16, "channels": 6, "rate_hz": 48_000}, {"code": 6, "bits": 8, "rate_hz": 8_000},
    {"code": 3, "bits": 32}, {"code": 3, "bits": 64, "channels": 2},
]  # fmt: skip


@pytest.mark.parametrize("fields", FORMATS, ids=str)
def test_a_wav_file_gives_the_samples_that_it_gives_over_the_wire(fields: WavFields) -> None:
    audio = np.random.default_rng(3).integers(-9000, 9000, 14_400, np.int16).tobytes()
    if fields.get("code") == 3:
        audio = np.random.default_rng(3).uniform(-1, 1, 3600).astype("<f8").tobytes()
        audio = audio if fields["bits"] == 64 else np.frombuffer(audio).astype("<f4").tobytes()
    data = wav(audio, **fields)

    wire = WireDecoder()
    over_the_wire = np.concatenate([wire.receive_bytes(data), wire.receive_end()])

    assert np.array_equal(read(data), over_the_wire)


CODECS = [
    ("mp3", "libmp3lame", 44_100), ("adts", "aac", 48_000), ("flac", "flac", 16_000),
    ("ogg", "libopus", 48_000), ("webm", "libopus", 48_000), ("mp4", "aac", 44_100),
    ("mpegts", "mp2", 48_000), ("aiff", "pcm_s16be", 22_050), ("wav", "adpcm_ms", 16_000),
]  # fmt: skip


@pytest.mark.parametrize(("container", "codec", "rate_hz"), CODECS)
def test_every_usual_file_is_read_at_16_khz(
    container: str, codec: str, rate_hz: int, encode: Callable[..., bytes]
) -> None:
    seconds = np.arange(rate_hz) / rate_hz
    tone = (np.sin(2 * np.pi * 440 * seconds) * 16_384).astype(np.int16)
    file = io.BytesIO(encode(container, codec, np.stack([tone, tone]), rate_hz))

    samples = np.concatenate(list(read_audio(file)))

    assert samples.size == pytest.approx(16_000, abs=2_000)  # coders pad
    assert loudest_hz(samples) == pytest.approx(440, abs=2)
    assert np.abs(samples[4_000:12_000]).max() == pytest.approx(0.5, abs=0.1)


def test_chunks_are_even_and_nothing_is_lost() -> None:
    file = io.BytesIO(wav(bytes(2 * (3 * CHUNK_SAMPLES + 7))))

    assert [chunk.size for chunk in read_audio(file)] == [CHUNK_SAMPLES] * 3 + [7]


def test_a_file_is_probed_and_can_still_be_read(
    encode: Callable[..., bytes], tone: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "tone.flac"
    path.write_bytes(encode("flac", "flac", tone))

    info = probe_audio(path)

    expected = AudioInfo(
        container="flac", codec="flac", rate_hz=16_000, channels=1, duration_ms=1_000
    )
    assert info == expected
    assert sum(chunk.size for chunk in read_audio(str(path))) == 16_000


def test_a_probed_file_object_is_where_it_was(
    encode: Callable[..., bytes], tone: np.ndarray
) -> None:
    file = io.BytesIO(encode("flac", "flac", tone))

    probe_audio(file)

    assert file.tell() == 0
    assert sum(chunk.size for chunk in read_audio(file)) == 16_000


def test_a_source_that_cannot_seek_is_read(encode: Callable[..., bytes], tone: np.ndarray) -> None:
    pipe = Pipe(encode("adts", "aac", tone))

    assert np.concatenate(list(read_audio(pipe))).size >= 16_000


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.wav").startswith(
        f"{tmp_path}/none.wav: no such file or directory; give a file with an audio track"
    )


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert "is a directory" in refusal(tmp_path)


KINDS = {
    "nothing": (b"", "the file is empty"),
    "zeros": (bytes(5000), "not an audio file"),
    "text": (b"no audio at all\n" * 500, "not an audio file but text"),
    "a page": (b"<!DOCTYPE html><p>Not found", "not an audio file but an HTML page"),
    "a document": (b"%PDF-1.7\n" + bytes(5000), "not an audio file but a PDF document"),
    "an archive": (b"PK\x03\x04" + bytes(5000), "not an audio file but a ZIP archive"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(99), "not an audio file but a picture (PNG)"),
    "half a header": (wav(bytes(99))[:20], "a WAV file that is cut off or damaged"),
    "no index": (
        b"\x00\x00\x00\x10ftypM4A " + bytes(4) + b"\x00\x01\x00\x00mdat" + bytes(5000),
        "an MP4 or M4A file that is cut off or damaged",
    ),
}


@pytest.mark.parametrize(("data", "words"), KINDS.values(), ids=KINDS)
def test_a_file_that_is_not_audio_is_refused_as_what_it_is(
    data: bytes, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "talk.wav"
    path.write_bytes(data)

    assert refusal(path).startswith(f"{path}: {words}; give a file with an audio track")


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


class Pipe(io.BytesIO):
    """Gives bytes in order, and cannot seek."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: int) -> int:
        raise io.UnsupportedOperation


def test_an_mp4_with_its_index_at_the_end_is_told_that_it_cannot_be_piped(
    encode: Callable[..., bytes],
) -> None:
    noise = np.random.default_rng(3).integers(-9000, 9000, 320_000, np.int16)  # over any buffer

    assert refusal(Pipe(encode("mp4", "aac", noise))) == (
        "the stream: an MP4 file whose index is at its end cannot be read from a pipe; save it "
        "and name the file, or write it with `ffmpeg -movflags +faststart`"
    )


def test_what_is_piped_and_no_audio_is_refused_without_looking_back() -> None:
    assert refusal(Pipe(b"OggS" + bytes(5000))).startswith("the stream: not an audio file; give")


def test_a_film_without_sound_is_refused_with_what_was_found() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as output:
        stream = output.add_stream("mpeg4", rate=25)
        stream.width, stream.height = 32, 32
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")
        for part in (frame, None):
            output.mux(stream.encode(part))

    message = refusal(io.BytesIO(file.getvalue()))

    assert "no audio track: found matroska,webm with video" in message


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{other}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{other}'\n",
    ],
)
def test_a_playlist_cannot_name_other_files(playlist: str, tmp_path: Path) -> None:
    other = tmp_path / "private.wav"
    other.write_bytes(wav(bytes(32_000)))

    assert "not an audio file" in refusal(io.BytesIO(playlist.format(other=other).encode()))


def test_a_file_that_breaks_off_is_read_to_there(
    encode: Callable[..., bytes], tone: np.ndarray
) -> None:
    whole = encode("mp3", "libmp3lame", tone)

    assert 4_000 < read(whole[: len(whole) // 2]).size < 16_000


def test_a_broken_middle_does_not_end_the_file(
    encode: Callable[..., bytes], tone: np.ndarray
) -> None:
    file = bytearray(encode("adts", "aac", np.tile(tone, 3)))
    middle = len(file) // 2
    file[middle : middle + 300] = bytes(300)

    assert read(bytes(file)).size > 40_000


def test_a_file_object_that_fails_says_so_itself() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise ClientFault("the source is gone")

    with pytest.raises(ClientFault, match="the source is gone"):
        list(read_audio(Broken()))


def test_the_libraries_that_decode_are_named_with_their_versions() -> None:
    assert re.fullmatch(
        r"PyAV [\d.]+ with libavformat \d+\.\d+\.\d+, libavcodec \d+\.\d+\.\d+",
        library_versions(),
    )
