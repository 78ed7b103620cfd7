"""The process as its parent sees it: bytes in, messages out. Audio is made on the spot."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

from scribewire.audio.container import TrackWish
from scribewire.audio.decoder_messages import (
    HEAD,
    MAY_BE_PCM,
    DecoderLimits,
    Kind,
    Refusal,
    decode_gap,
    decode_info,
    decode_refusal,
    decode_track_end,
    encode_limits,
    encode_wish,
)
from scribewire.audio.local_decoder import read_audio
from scribewire.audio.pcm import encode_pcm
from scribewire.audio.wire import WireDecoder
from tests.parts.damage import blank_packets
from tests.parts.wav import wav

pytestmark = pytest.mark.slow  # each case starts a process


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a process said until it went."""

    info: dict[str, object] | None
    pcm: bytes
    gaps_s: list[float]
    broken_packets: int
    refusal: Refusal | None
    settled: int | None


def decode(
    data: bytes | Path,
    limits: DecoderLimits | None = None,
    wish: TrackWish | None = None,
    *,
    may_be_pcm: bool = False,
) -> Said:
    """Have the process decode bytes through a pipe, or a file."""
    command = [sys.executable, "-m", "scribewire.audio.decoder_process"]
    command.append(encode_limits(limits or DecoderLimits()))
    command.append(encode_wish(wish or TrackWish()))
    command += [MAY_BE_PCM] if may_be_pcm else []
    if isinstance(data, Path):
        with data.open("rb") as file:
            done = subprocess.run(command, stdin=file, capture_output=True, check=False, timeout=60)
    else:
        done = subprocess.run(command, input=data, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    messages: list[tuple[Kind, bytes]] = []
    rest = done.stdout
    while rest:
        kind, length = HEAD.unpack(rest[: HEAD.size])
        messages.append((Kind(kind), rest[HEAD.size : HEAD.size + length]))
        rest = rest[HEAD.size + length :]
    last_kind, last = messages[-1]
    settled = [decode_info(body).track for kind, body in messages if kind == Kind.TRACK]
    return Said(
        info=json.loads(messages[0][1]) if messages[0][0] == Kind.INFO else None,
        pcm=b"".join(body for kind, body in messages if kind == Kind.PCM),
        gaps_s=[decode_gap(body) for kind, body in messages if kind == Kind.GAP],
        broken_packets=decode_track_end(last).broken_packets if last_kind == Kind.END else 0,
        refusal=decode_refusal(last) if last_kind == Kind.ERROR else None,
        settled=settled[0] if settled else None,
    )


def refused(data: bytes, limits: DecoderLimits | None = None) -> str:
    refusal = decode(data, limits).refusal
    assert refusal is not None
    return refusal.words


def read_file(data: bytes) -> bytes:
    """Return what a file of this machine gives."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        return b"".join(encode_pcm(samples) for samples in read_audio(file.name))


def fragment_mp4(samples: np.ndarray) -> bytes:
    """Write an MP4 file as live servers do: an empty index, then fragments."""
    file = io.BytesIO()
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "200000"}
    with av.open(file, "w", format="mp4", options=options) as output:
        stream = output.add_stream("aac", rate=16_000, layout="mono")
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "s16", "mono")
        frame.sample_rate = 16_000
        for part in (frame, None):
            output.mux(stream.encode(part))
    return file.getvalue()


def encode_vorbis(samples: np.ndarray) -> bytes:
    """Write Ogg Vorbis with FFmpeg's own encoder, which is stereo and calls itself experimental."""
    file = io.BytesIO()
    with av.open(file, "w", format="ogg") as output:
        stream = output.add_stream("vorbis", rate=16_000, layout="stereo")
        assert isinstance(stream, av.AudioStream)
        stream.codec_context.options = {"strict": "experimental"}
        frame = av.AudioFrame.from_ndarray(np.repeat(samples, 2).reshape(1, -1), "s16", "stereo")
        frame.sample_rate = 16_000
        for part in (frame, None):
            output.mux(stream.encode(part))
    return file.getvalue()


def index_first(mp4: bytes) -> bytes:
    """Move the index of an MP4 file before its media, as `-movflags faststart` does."""
    media_at, index_at = mp4.index(b"mdat") - 4, mp4.index(b"moov") - 4
    index = bytearray(mp4[index_at:])
    table = index.index(b"stco")
    for entry in range(int.from_bytes(index[table + 8 : table + 12], "big")):
        at = table + 12 + 4 * entry
        offset = int.from_bytes(index[at : at + 4], "big") + len(index)
        index[at : at + 4] = offset.to_bytes(4, "big")
    return mp4[:media_at] + bytes(index) + mp4[media_at:index_at]


FORMATS = [
    ("adts", "aac", 48_000), ("flac", "flac", 16_000),
    ("ogg", "libopus", 48_000), ("webm", "libopus", 48_000), ("matroska", "aac", 16_000),
    ("mp4", "aac", 44_100), ("mpegts", "aac", 48_000), ("mpegts", "mp2", 48_000),
    ("wav", "pcm_s16le", 16_000), ("wav", "pcm_s16le", 48_000), ("aiff", "pcm_s16be", 22_050),
]  # fmt: skip


@pytest.mark.parametrize(("container", "codec", "rate_hz"), FORMATS)
def test_a_stream_gives_what_the_file_gives(
    container: str, codec: str, rate_hz: int, encode: Callable[..., bytes]
) -> None:
    noise = np.random.default_rng(5).integers(-9000, 9000, rate_hz, np.int16)
    data = encode(container, codec, noise, rate_hz)

    said = decode(data)

    assert said.pcm == read_file(data)
    assert said.info is not None
    assert (said.info["rate_hz"], said.info["channels"]) == (rate_hz, 1)
    assert said.broken_packets == 0


@pytest.mark.parametrize(("container", "codec"), [("flac", "flac"), ("wav", "pcm_s16le")])
def test_what_is_lossless_is_the_pcm_itself(
    container: str, codec: str, encode: Callable[..., bytes], tone: np.ndarray
) -> None:
    assert decode(encode(container, codec, tone)).pcm == tone.astype("<i2").tobytes()


def test_an_mp3_differs_from_the_file_only_in_the_padding_at_its_end(
    encode: Callable[..., bytes], tone: np.ndarray
) -> None:
    data = encode("mp3", "libmp3lame", tone)
    file = read_file(data)

    pcm = decode(data).pcm

    assert pcm[: len(file)] == file
    assert len(pcm) - len(file) < 2 * 1152


def test_a_wav_stream_without_a_length_is_read_to_its_end(tone: np.ndarray) -> None:
    assert decode(wav(tone.tobytes(), size=0xFFFFFFFF)).pcm == tone.tobytes()


def test_ogg_vorbis_is_read(tone: np.ndarray) -> None:
    data = encode_vorbis(tone)

    assert decode(data).pcm == read_file(data)


def test_mp4_is_read_in_fragments(tone: np.ndarray) -> None:
    data = fragment_mp4(tone)

    assert decode(data).pcm == read_file(data)


def test_mp4_is_read_with_its_index_at_either_end(
    encode: Callable[..., bytes], tone: np.ndarray
) -> None:
    at_end = encode("mp4", "aac", tone)
    at_front = index_first(at_end)
    tight = DecoderLimits(whole_file_bytes=len(at_end) - 1)

    assert decode(at_end).pcm == read_file(at_end)
    assert decode(at_front, tight).pcm == read_file(at_end)
    assert "whose index is at its end" in refused(at_end, tight)


def test_a_tag_with_a_picture_is_stepped_over(
    encode: Callable[..., bytes], tone: np.ndarray
) -> None:
    frames = encode("adts", "aac", tone)
    size = 1_500_000
    sevens = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))

    said = decode(b"ID3\x04\x00\x00" + sevens + bytes(size) + frames)

    assert said.pcm == read_file(frames)


def test_a_chained_ogg_stream_goes_on(encode: Callable[..., bytes], tone: np.ndarray) -> None:
    part = encode("ogg", "libopus", tone)

    assert len(decode(part + part).pcm) == 2 * len(decode(part).pcm)


@pytest.mark.parametrize(
    ("container", "codec"), [("mp3", "libmp3lame"), ("adts", "aac"), ("mpegts", "aac")]
)
def test_a_stream_goes_on_after_garbage(
    container: str, codec: str, encode: Callable[..., bytes], tone: np.ndarray
) -> None:
    data = encode(container, codec, np.tile(tone, 6))
    middle = len(data) // 2 // 188 * 188
    garbage = np.random.default_rng(9).bytes(188 * 20)

    said = decode(data[:middle] + garbage + data[middle:])

    assert said.refusal is None
    assert said.broken_packets > 0
    assert len(said.pcm) == pytest.approx(2 * 6 * 16_000, rel=0.1)


def test_a_stream_that_begins_within_a_frame_is_read(
    encode: Callable[..., bytes], tone: np.ndarray
) -> None:
    data = encode("mp3", "libmp3lame", np.tile(tone, 4))

    assert len(decode(data[1234:]).pcm) == pytest.approx(2 * 4 * 16_000, rel=0.1)


def test_video_without_sound_is_named() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="mpegts") as output:
        stream = output.add_stream("mpeg4", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        picture = np.zeros((64, 64, 3), np.uint8)
        for _ in range(10):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode(None))

    assert refused(file.getvalue()) == "video without an audio track"


REFUSED = [
    (b"<html>404</html>", "an HTML page"),
    (b'{"error": "gone"}', "JSON"),
    (b"\x89PNG\r\n\x1a\n" + bytes(99), "a picture (PNG)"),
    (bytes(4096), "bytes of no known audio format"),
    (b"\x00\x00\x00\x20ftypisom" + bytes(99), "it ended before an MP4 or M4A file could be read"),
    (b"", "it is empty"),
]


@pytest.mark.parametrize(("data", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_what_cannot_be_decoded_is_named(data: bytes, words: str) -> None:
    assert refused(data) == words


def test_too_little_memory_is_an_error_with_words(
    encode: Callable[..., bytes], tone: np.ndarray
) -> None:
    data = encode("mp4", "aac", tone)
    data += b"\x07\xff\xff\xfffree" + bytes(60_000_000)  # an index at the end: all of it is held

    words = refused(data, DecoderLimits(memory_bytes=250 * 1024**2))

    assert words == "it takes too much memory to decode"


def test_what_cannot_be_decoded_is_a_gap_and_at_the_end_an_error(
    encode: Callable[..., bytes],
) -> None:
    whole = encode("mp4", "aac", np.random.default_rng(3).integers(-9000, 9000, 64_000, np.int16))

    said = decode(blank_packets(whole, range(10, 20)))

    assert said.gaps_s == [pytest.approx(0.64)]
    assert len(said.pcm) / 32_000 + 0.64 == pytest.approx(4.0, abs=0.1)
    assert refused(blank_packets(whole, range(30, 64))) == "from second 1.9 on it cannot be decoded"


LONG = b"bext" + (80_000).to_bytes(4, "little") + bytes(80_000)
BEHIND = b"LIST" + (200_000).to_bytes(4, "little") + bytes(range(256)) * 800
VOICE = (np.sin(np.arange(16_000) * 0.2) * 8000).astype("<i2").tobytes()
IN_FOUR_BYTES = (np.frombuffer(VOICE, "<i2").astype("<i4") << 16).tobytes()


@pytest.mark.parametrize(
    "data",
    [
        wav(VOICE, block_bytes=4),
        wav(VOICE, between=LONG),
        wav(IN_FOUR_BYTES, bits=24, block_bytes=4),
        wav(VOICE, size=1000),
        wav(VOICE, size=0),
        wav(VOICE, size=10_000_000),
        wav(VOICE) + BEHIND,
    ],
    ids=["block", "bext", "24 in 32", "stale", "none", "made up", "behind"],
)
def test_a_wav_is_heard_pulled_pushed_and_from_a_file(data: bytes) -> None:
    pushed = WireDecoder()
    samples = [pushed.receive_bytes(data), pushed.receive_end()]
    said = decode(data)

    assert said.pcm == VOICE
    assert b"".join(map(encode_pcm, samples)) == VOICE
    assert read_file(data) == VOICE
    assert said.info is not None
    assert said.info["container"] == "wav"


def test_a_rifx_is_heard() -> None:
    form = (1).to_bytes(2, "big") * 2 + (16_000).to_bytes(4, "big") + (32_000).to_bytes(4, "big")
    form += (2).to_bytes(2, "big") + (16).to_bytes(2, "big")
    head = b"RIFX" + bytes(4) + b"WAVEfmt " + (16).to_bytes(4, "big") + form
    swapped = np.frombuffer(VOICE, "<i2").astype(">i2").tobytes()
    data = head + b"data" + len(swapped).to_bytes(4, "big") + swapped

    assert decode(data).pcm == VOICE
    assert read_file(data) == VOICE


def test_a_file_is_gone_back_in_however_long_it_is(
    encode: Callable[..., bytes], tone: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "a.m4a"
    path.write_bytes(encode("mp4", "aac", tone))

    said = decode(path, DecoderLimits(whole_file_bytes=1000))

    assert said.pcm == decode(path.read_bytes()).pcm
    assert said.info is not None
    assert said.info["duration_ms"] == pytest.approx(1000, abs=100)


def test_a_chained_ogg_file_says_how_long_it_is(
    encode: Callable[..., bytes], tone: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "a.opus"
    path.write_bytes(encode("ogg", "libopus", tone))

    said = decode(path)

    assert said.info is not None
    assert said.info["duration_ms"] == pytest.approx(1000, abs=100)
    assert said.pcm == decode(path.read_bytes()).pcm


def test_pcm_is_passed_on_where_it_may_come() -> None:
    assert decode(VOICE, may_be_pcm=True).pcm == VOICE
    assert decode(b"", may_be_pcm=True).refusal is None
    assert decode(wav(VOICE), may_be_pcm=True).pcm == VOICE
    assert refused(VOICE) == "bytes of no known audio format"
