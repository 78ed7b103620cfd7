from __future__ import annotations

import pytest

from scribewire.audio.decoder_messages import (
    HEAD,
    DecoderLimits,
    Kind,
    Refusal,
    decode_limits,
    decode_refusal,
    encode_limits,
    encode_message,
    encode_refusal,
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
