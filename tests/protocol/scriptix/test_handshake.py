from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.protocol.scriptix.endpoint import MICROPHONE, STREAM, Endpoint, client_url
from scribewire.protocol.scriptix.handshake import Handshake, parse_handshake
from scribewire.types import ShapeName
from scribewire.wishes import Wishes, WishFields

PATHS = [
    # path, endpoint, keys
    ("/v2/realtime", MICROPHONE, ()),
    ("/v2/realtime/", MICROPHONE, ()),
    ("/v2/client/abc", STREAM, ("abc",)),
    ("/v2/client/-", STREAM, ()),
    ("/v2/client/", STREAM, ()),
    ("/v2/client/a/b", STREAM, ("a/b",)),
]

OTHER_PATHS = [
    ("", MICROPHONE),
    ("/", MICROPHONE),
    ("/v2", MICROPHONE),
    ("/realtime", MICROPHONE),
    ("/v2/realtime/x", MICROPHONE),
    ("/v3/realtime", MICROPHONE),
    ("/V2/realtime", MICROPHONE),
    ("/v2/client", STREAM),
    ("/v2/clients/a", STREAM),
]

KEYS = [
    # query, headers, keys
    ("", [], ()),
    ("token=a", [], ("a",)),
    ("token=", [("x-api-key", "  ")], ()),
    ("token=a%2Fb", [], ("a/b",)),
    ("token=a&token=b", [], ("a", "b")),
    ("", [("X-Zoom-S2T-Key", "a")], ("a",)),
    ("", [("x-api-key", "a")], ("a",)),
    ("", [("API-KEY", "a")], ("a",)),
    ("", [("authorization", "Bearer a")], ("a",)),
    ("", [("Authorization", "bearer  a ")], ("a",)),
    ("", [("authorization", "Basic a")], ()),
    ("", [("authorization", "a")], ()),
    ("", [("x-other", "a")], ()),
    ("token=a", [("x-api-key", "a"), ("api-key", "b")], ("a", "b")),
]

OFFERS: list[tuple[list[str], tuple[str, ...], tuple[str, ...]]] = [
    # Sec-WebSocket-Protocol, what may be answered, keys
    (["captions"], ("captions",), ()),
    (["captions, v2"], ("captions", "v2"), ()),
    (["token, a"], ("token",), ("a",)),
    (["token,a"], ("token",), ("a",)),
    (["token", "a"], ("token",), ("a",)),  # two headers, as a proxy may make of one
    (["captions, token, a"], ("captions", "token"), ("a",)),
    (["token, a, captions"], ("captions", "token"), ("a",)),
    (["token, a, token, b"], ("token",), ("a", "b")),
    (["token"], ("token",), ()),
    (["captions, token"], ("captions", "token"), ()),
    (["token, token"], ("token",), ("token",)),
    (["Token, a"], ("Token", "a"), ()),
    (["", " , "], (), ()),
    (["a b, c\xe9, d"], ("d",), ()),
]

PARAMETERS: list[tuple[str, WishFields]] = [
    # query, wishes that are not as usual
    ("", {}),
    ("type=&language=&endpointing=&diarize=", {}),
    ("type=fast", {"mode": "fast"}),
    ("type=quality", {"mode": "quality"}),
    ("type=best&type=quality", {"mode": "quality"}),
    ("language=en", {"language": "en"}),
    ("language=EN", {"language": "en"}),
    ("language=nl-nl", {"language": "nl"}),
    ("language=en-US", {"language": "en"}),
    ("language=en_US", {"language": "en"}),
    ("language=AUTO", {"language": "auto"}),
    ("languages=nl", {"languages": ("nl",)}),
    ("languages=NL,en-US,nl-BE", {"languages": ("nl", "en")}),
    ("language=auto&languages=nl,en", {"language": "auto", "languages": ("nl", "en")}),
    ("languages=", {}),
    ("endpointing=100", {"endpointing_ms": 100}),
    ("endpointing=5000", {"endpointing_ms": 5000}),
    ("diarize=true", {"speakers": True}),
    ("diarize=false", {"speakers": False}),
]

SHAPES: list[tuple[str, ShapeName | None]] = [
    ("results=standard", "standard"),
    ("results=legacy", "legacy"),
    ("results=legacy&results=standard", "standard"),
    ("results=", None),
]

UNKNOWN = [
    # query, names that are ignored
    ("", ()),
    ("colour=red&colour=blue&size", ("colour", "size")),
    ("url=x&pace=slow", ("url", "pace")),
]

LANGUAGE = "expected an ISO 639-1 code of two letters such as `en`, or `auto`"
LANGUAGES = "expected ISO 639-1 codes with commas between them, such as `en,nl`"
ENDPOINTING = "expected 100 to 5000 (milliseconds)"
URL = "url: expected a percent-encoded http:// or https:// address with a host"

FAULTS = [
    # query, fault
    ("type=best", "type best: expected `fast` or `quality`"),
    ("type=Fast", "type Fast: expected `fast` or `quality`"),
    ("type=%0a" + "a" * 50, "type ?" + "a" * 38 + "…: expected `fast` or `quality`"),
    ("language=english", f"language english: {LANGUAGE}"),
    ("language=e", f"language e: {LANGUAGE}"),
    ("language=eng", f"language eng: {LANGUAGE}"),
    ("language=en-", f"language en-: {LANGUAGE}"),
    ("language=%C3%A9n", f"language én: {LANGUAGE}"),
    ("languages=nl,english", f"languages nl,english: {LANGUAGES}"),
    ("languages=nl,,en", f"languages nl,,en: {LANGUAGES}"),
    ("languages=nl,", f"languages nl,: {LANGUAGES}"),
    ("languages=nl,%20en", f"languages nl, en: {LANGUAGES}"),
    ("languages=auto", f"languages auto: {LANGUAGES}"),
    ("endpointing=99", f"endpointing 99: {ENDPOINTING}"),
    ("endpointing=5001", f"endpointing 5001: {ENDPOINTING}"),
    ("endpointing=-1", f"endpointing -1: {ENDPOINTING}"),
    ("endpointing=0.5", f"endpointing 0.5: {ENDPOINTING}"),
    ("endpointing=" + "9" * 9, f"endpointing 999999999: {ENDPOINTING}"),
    ("endpointing=%D9%A5%D9%A0%D9%A0", f"endpointing ٥٠٠: {ENDPOINTING}"),
    ("diarize=yes", "diarize yes: expected `true` or `false`"),
    ("results=old", "results old: expected `standard` or `legacy`"),
    ("results=old&diarize=yes", "diarize yes: expected `true` or `false`"),
    ("language=english&type=best", "type best: expected `fast` or `quality`"),
]

STREAM_FAULTS = [
    ("", "url missing: expected the percent-encoded address of a stream in `url`"),
    ("url=", "url missing: expected the percent-encoded address of a stream in `url`"),
    ("url=file:///etc/passwd", URL),
    ("url=http://", URL),
    ("url=http://[::1", URL),
    ("url=ftp://user:secret@host/", URL),
    ("url=http://host/&pace=slow", "pace slow: expected `fast` or `realtime`"),
]

ANY_TEXT = st.text(st.characters(codec=None))


def shake(query: str, path: str = "/v2/realtime", endpoint: Endpoint = MICROPHONE) -> Handshake:
    handshake = parse_handshake(endpoint, path, query, [])
    assert handshake is not None
    return handshake


@pytest.mark.parametrize(("path", "endpoint", "keys"), PATHS)
def test_a_path_may_hold_a_key(path: str, endpoint: Endpoint, keys: tuple[str, ...]) -> None:
    handshake = shake("", path, endpoint)

    assert handshake.endpoint is endpoint
    assert handshake.keys == keys


@pytest.mark.parametrize(("path", "endpoint"), OTHER_PATHS)
def test_another_path_is_not_ours(path: str, endpoint: Endpoint) -> None:
    assert parse_handshake(endpoint, path, "token=a", []) is None


@pytest.mark.parametrize(("query", "headers", "keys"), KEYS)
def test_every_key_is_collected(
    query: str, headers: list[tuple[str, str]], keys: tuple[str, ...]
) -> None:
    handshake = parse_handshake(MICROPHONE, "/v2/realtime", query, headers)

    assert handshake == Handshake(endpoint=MICROPHONE, keys=keys)


@pytest.mark.parametrize(("offer", "answerable", "keys"), OFFERS)
def test_a_key_may_be_offered_as_a_subprotocol(
    offer: list[str], answerable: tuple[str, ...], keys: tuple[str, ...]
) -> None:
    headers = [("Sec-WebSocket-Protocol", value) for value in offer]

    handshake = parse_handshake(MICROPHONE, "/v2/realtime", "", headers)

    assert handshake == Handshake(endpoint=MICROPHONE, subprotocols=answerable, keys=keys)


@pytest.mark.parametrize(("query", "fields"), PARAMETERS)
def test_a_good_parameter_is_read(query: str, fields: WishFields) -> None:
    assert shake(query) == Handshake(endpoint=MICROPHONE, wishes=Wishes(**fields))


@pytest.mark.parametrize(("query", "name"), SHAPES)
def test_a_shape_of_results_may_be_asked_for(query: str, name: ShapeName | None) -> None:
    assert shake(query) == Handshake(endpoint=MICROPHONE, shape_name=name)


def test_where_the_path_says_the_shape_none_can_be_asked_for() -> None:
    handshake = shake("results=odd", "/old", Endpoint(path="/old"))

    assert (handshake.shape_name, handshake.fault) == (None, None)
    assert handshake.unknown_parameters == ("results",)


@pytest.mark.parametrize(("query", "names"), UNKNOWN)
def test_an_unknown_parameter_is_ignored(query: str, names: tuple[str, ...]) -> None:
    handshake = Handshake(endpoint=MICROPHONE, unknown_parameters=names)

    assert shake(query) == handshake


@pytest.mark.parametrize(("query", "complaint"), FAULTS)
def test_a_bad_parameter_is_a_fault_for_later(query: str, complaint: str) -> None:
    fault = shake(query).fault

    assert fault is not None
    assert fault.message == complaint


@pytest.mark.parametrize(("query", "complaint"), STREAM_FAULTS)
def test_a_stream_needs_an_address(query: str, complaint: str) -> None:
    fault = shake(query, "/v2/client/a", STREAM).fault

    assert fault is not None
    assert fault.message == complaint


def test_a_stream_has_its_own_parameters() -> None:
    handshake = shake("url=https%3A%2F%2Fx%2Fy%3Fz%3D1&pace=realtime", "/v2/client/a", STREAM)

    assert handshake == Handshake(
        endpoint=STREAM,
        keys=("a",),
        wishes=Wishes(url="https://x/y?z=1", pace="realtime"),
    )


def test_secrets_are_not_shown() -> None:
    handshake = shake(
        "url=http://user:secret@x/?k=secret&token=secret", "/v2/client/secret", STREAM
    )

    assert handshake.wishes.url
    assert handshake.keys == ("secret",)
    assert "secret" not in repr(handshake)


@given(
    place=st.sampled_from([(endpoint, path) for path, endpoint, _ in PATHS]),
    query=ANY_TEXT,
    value=ANY_TEXT,
)
def test_any_request_is_a_handshake(place: tuple[Endpoint, str], query: str, value: str) -> None:
    headers = [("authorization", value), (value, value), ("x-api-key", value)]

    assert parse_handshake(*place, query, headers) is not None


@given(key=st.text(min_size=1), url=st.text().map("http://host/".__add__))
def test_a_server_reads_what_an_sdk_asks_for(key: str, url: str) -> None:
    parts = urlsplit(client_url("ws://host", STREAM, Wishes(url=url), key=key))

    handshake = parse_handshake(STREAM, unquote(parts.path), parts.query, [])

    assert handshake is not None
    assert handshake.wishes.url == url
    assert handshake.keys == (() if key == "-" else (key,))
