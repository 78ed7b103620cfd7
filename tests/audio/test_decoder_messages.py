from __future__ import annotations

import pytest

from scribewire.audio.decoder_messages import (
    HEAD,
    DecoderLimits,
    Kind,
    Refusal,
    TrackEnd,
    decode_gap,
    decode_limits,
    decode_refusal,
    decode_track_end,
    encode_gap,
    encode_limits,
    encode_message,
    encode_refusal,
    encode_track_end,
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


def test_a_gap_and_an_ending_survive_the_pipe() -> None:
    track_end = TrackEnd(broken_packets=3, missing_s=0.25)

    assert decode_gap(encode_gap(2.5)) == 2.5
    assert decode_track_end(encode_track_end(track_end)) == track_end


@pytest.mark.parametrize("body", [b"1.5", b"{}", b'{"seconds": -1.0}', b'{"seconds": Infinity}'])
def test_what_is_no_gap_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError, match="not a gap"):
        decode_gap(body)


def test_what_is_no_ending_is_an_error() -> None:
    with pytest.raises(ValueError, match="not an end"):
        decode_track_end(b'{"broken_packets": 1}')
