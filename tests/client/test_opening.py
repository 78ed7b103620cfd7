from __future__ import annotations

import array
from typing import Unpack

import pytest

from scribewire.client.errors import MissingTokenError, MissingUrlError
from scribewire.client.opening import (
    AUDIO_PIECE_BYTES,
    Opening,
    cut_audio,
    is_loopback,
    prepare_opening,
)
from scribewire.protocol.dialects import LEGACY
from scribewire.protocol.resuming import ComeBack
from scribewire.protocol.scriptix.endpoint import MICROPHONE, Endpoint
from scribewire.wishes import Wishes, WishFields


def prepare(
    base: str = "ws://captions.example",
    *,
    key: str | None = "key-1",
    **wishes: Unpack[WishFields],
) -> Opening:
    return prepare_opening(base, Wishes(**wishes), key=key, timeout_s=15.0)


@pytest.mark.parametrize(
    ("base", "url", "endpoint"),
    [
        ("ws://h:8000", "ws://h:8000/v2/realtime?results=standard", MICROPHONE),
        ("ws://h:8000/v2/realtime/", "ws://h:8000/v2/realtime?results=standard", MICROPHONE),
        ("wss://h/speech", "wss://h/speech/v2/realtime?results=standard", MICROPHONE),
        ("ws://h/realtime", "ws://h/realtime", LEGACY),
    ],
)
def test_an_address_may_be_bare_or_name_its_endpoint(
    base: str, url: str, endpoint: Endpoint
) -> None:
    opening = prepare(base)

    assert (opening.url, opening.endpoint) == (url, endpoint)


def test_choices_go_into_the_query_and_the_key_does_not() -> None:
    opening = prepare(mode="quality", language="nl", endpointing_ms=300, speakers=False)

    assert opening.url == (
        "ws://captions.example/v2/realtime?type=quality&language=nl&endpointing=300&diarize=false"
        "&results=standard"
    )
    assert opening.websocket_options()["additional_headers"] == {"x-api-key": "key-1"}
    assert "key-1" not in repr(opening)


def test_languages_are_asked_for_in_one_parameter() -> None:
    opening = prepare(language="auto", languages=("nl", "en"))

    assert opening.url == (
        "ws://captions.example/v2/realtime?language=auto&languages=nl%2Cen&results=standard"
    )


@pytest.mark.parametrize("key", [None, ""])
def test_a_missing_key_is_told_before_connecting(key: str | None) -> None:
    with pytest.raises(MissingTokenError, match="missing token"):
        prepare(key=key)


@pytest.mark.parametrize("key", ["key-1\n", "key-1\r\nx: y", "key 1", "clé", "\x00"])
def test_a_key_that_no_header_can_carry_is_refused_unquoted(key: str) -> None:
    with pytest.raises(ValueError, match="expected visible ASCII") as raised:
        prepare(key=key)

    assert key not in str(raised.value)


@pytest.mark.parametrize(
    "base", ["ws://h/p", "ws://h/p/v2/realtime", "ws://h/p/realtime", "ws://h/p/v2/client"]
)
def test_an_address_of_a_stream_asks_for_stream_mode_and_is_not_shown(base: str) -> None:
    opening = prepare(base, url="https://x/a?sig=secret&b=1", pace="realtime", mode="quality")

    assert opening.url == (
        "ws://h/p/v2/client/-?type=quality&pace=realtime"
        "&url=https%3A%2F%2Fx%2Fa%3Fsig%3Dsecret%26b%3D1&results=standard"
    )
    assert opening.is_stream
    assert "secret" not in repr(opening)


def test_pushed_audio_is_no_stream() -> None:
    assert not prepare().is_stream


@pytest.mark.parametrize(("base", "url"), [("ws://h", ""), ("ws://h/v2/client", None)])
def test_a_missing_stream_is_told_before_connecting(base: str, url: str | None) -> None:
    with pytest.raises(MissingUrlError, match="missing stream URL"):
        prepare(base, url=url)


@pytest.mark.parametrize("url", ["talk.mp3", "file:///secret", "ftp://secret@h/", "http://[::1"])
def test_a_stream_that_is_not_on_the_web_is_refused_unquoted(url: str) -> None:
    with pytest.raises(ValueError, match="expected the http:// or https:// address") as raised:
        prepare(url=url)

    assert url not in str(raised.value)


def test_what_only_start_can_ask_for_is_refused_in_stream_mode() -> None:
    with pytest.raises(ValueError, match="digits: not in stream mode"):
        prepare(url="http://x", digits=True)


def test_a_pace_is_for_streams() -> None:
    with pytest.raises(ValueError, match="pace: expected only with `url`"):
        prepare(pace="realtime")


@pytest.mark.parametrize("base", ["http://h", "ws://", "h:8000", "ws://h?token=x", "ws://[::1"])
def test_an_address_that_is_none_is_refused(base: str) -> None:
    with pytest.raises(ValueError, match=r"server address|Invalid IPv6"):
        prepare(base)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("app.localhost", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost.example", False),
        ("192.168.1.1", False),
        ("", False),
    ],
)
def test_our_own_machine_is_known_by_its_names(host: str, *, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize(("base", "proxy"), [("ws://[::1]:8000", None), ("ws://h", True)])
def test_a_proxy_is_used_but_for_our_own_machine(base: str, *, proxy: bool | None) -> None:
    assert prepare(base).websocket_options()["proxy"] is proxy


def test_a_shown_address_holds_no_password() -> None:
    assert prepare("ws://user:secret@h:8000").address == "h:8000"


@pytest.mark.parametrize("size", [0, 1, AUDIO_PIECE_BYTES, 3 * AUDIO_PIECE_BYTES + 1])
def test_audio_of_any_size_is_cut_into_pieces(size: int) -> None:
    pcm = bytes(index % 251 for index in range(size))

    pieces = list(cut_audio(pcm))

    assert b"".join(pieces) == pcm
    assert all(0 < len(piece) <= AUDIO_PIECE_BYTES for piece in pieces)


def test_audio_may_be_any_buffer_of_samples() -> None:
    samples = array.array("h", [1, -1])

    assert list(cut_audio(memoryview(samples))) == [samples.tobytes()]
    assert list(cut_audio(bytearray(b"\x01\x00"))) == [b"\x01\x00"]


BACK = ComeBack(session_id="5e55", epoch="89abcdef", finals=2, oldest_byte=640)


@pytest.mark.parametrize(
    ("base", "resuming", "expected"),
    [
        ("ws://h", False, "ws://h/v2/realtime?results=standard"),
        ("ws://h", True, "ws://h/v2/realtime?results=standard&resume=true"),
        (
            "ws://h",
            BACK,
            (
                "ws://h/v2/realtime?results=standard&resume=true&session=5e55&epoch=89abcdef"
                "&finals=2&oldest_byte=640"
            ),
        ),
        ("ws://h/realtime", True, "ws://h/realtime?resume=true"),
    ],
)
def test_a_session_that_can_be_resumed_is_asked_for(
    base: str, resuming: bool | ComeBack, expected: str
) -> None:
    assert prepare(base).url_for(resuming) == expected


def test_a_stream_that_is_gone_on_with_is_asked_for_no_audio() -> None:
    url = prepare("ws://h", url="http://x").url_for(BACK)

    assert url.endswith("&resume=true&session=5e55&epoch=89abcdef&finals=2")


def test_a_handshake_to_come_back_is_given_less_time() -> None:
    opening = prepare("ws://h")

    assert opening.websocket_options()["open_timeout"] == 15
    assert opening.websocket_options(is_come_back=True)["open_timeout"] == 5
