from __future__ import annotations

import pytest

from scribewire.audio.container import AudioInfo
from scribewire.audio.decoder_messages import (
    HEAD,
    DecoderLimits,
    Kind,
    Refusal,
    TrackEnd,
    TrackStart,
    decode_gap,
    decode_info,
    decode_limits,
    decode_refusal,
    decode_track_end,
    decode_track_start,
    encode_gap,
    encode_info,
    encode_limits,
    encode_message,
    encode_refusal,
    encode_track_end,
    encode_track_start,
)


def test_a_message_says_its_kind_and_length() -> None:
    message = encode_message(Kind.PCM, b"\x01\x02\x03\x04")

    assert HEAD.unpack(message[: HEAD.size]) == (Kind.PCM, 4)
    assert message[HEAD.size :] == b"\x01\x02\x03\x04"


def test_limits_survive_the_command_line() -> None:
    limits = DecoderLimits(memory_bytes=123, silence_s=0.5)

    assert decode_limits(encode_limits(limits)) == limits


def test_a_refusal_survives_the_pipe() -> None:
    refusal = Refusal(is_unsupported=True, words="a picture", is_transient=True)

    assert decode_refusal(encode_refusal(refusal)) == refusal


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"words": "no more"}'])
def test_what_is_no_refusal_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - also JSON's own
        decode_refusal(body)


def test_what_is_said_between_beginning_and_end_survives_the_pipe() -> None:
    info = AudioInfo(
        container="wav", codec="pcm_s16le", rate_hz=8000, channels=2, duration_ms=5, tracks=("1",)
    )
    start = TrackStart(info=info, is_isolated=True)
    track_end = TrackEnd(broken_packets=3, missing_s=0.25)

    assert decode_track_start(encode_track_start(start)) == start
    assert decode_gap(encode_gap(2.5)) == 2.5
    assert decode_track_end(encode_track_end(track_end)) == track_end


@pytest.mark.parametrize("body", [b"1.5", b"{}", b'{"seconds": -1.0}', b'{"seconds": Infinity}'])
def test_what_is_no_gap_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError, match="not a gap"):
        decode_gap(body)


def test_what_is_no_ending_is_an_error() -> None:
    with pytest.raises(ValueError, match="not an end"):
        decode_track_end(b'{"broken_packets": 1}')


def test_the_track_that_is_settled_on_survives_the_pipe() -> None:
    info = AudioInfo(
        container="mpegts",
        codec="aac",
        rate_hz=48_000,
        channels=2,
        duration_ms=None,
        track=2,
        tracks=("1: aac, 48000 Hz, 2 channels", "2: aac, 48000 Hz, 2 channels, de"),
    )

    assert decode_info(encode_info(info)) == info
