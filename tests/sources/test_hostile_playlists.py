"""What playlists lead to: nothing that must not be reached, nothing without end."""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Callable, Mapping

import pytest

from scribewire.errors import CloseCode
from scribewire.sources.events import SourceAudio, SourceEvent, SourceLost, SourceOpened
from scribewire.sources.faults import SourceFault
from scribewire.sources.http.addresses import AddressPolicy, AddressRule
from scribewire.sources.http.fetcher import FetchLimits, GuardedFetcher
from scribewire.sources.pulled import Sources
from scribewire.sources.retry import RetryRules
from tests.parts.decoding import DECODERS
from tests.parts.raw_origin import Endlessly, RawOrigin, head, live, run_raw_origin
from tests.parts.wav import wav
from tests.sources.test_hostile_urls import (
    INVALID,
    NOT_ALLOWED,
    URLS,
    look_up,
    with_listener,
)

# One's own servers are at 127.0.0.2 and 127.0.0.3; what they point at is not.
ALLOWED = AddressPolicy(named=tuple(AddressRule(host=host) for host in ("127.0.0.2", "127.0.0.3")))
PATIENT = RetryRules(first_wait_s=0.001, max_wait_s=0.001, give_up_after_s=5)
LIMITS = FetchLimits(
    connect_s=5, stall_s=5, playlist_bytes=20_000, segment_bytes=200_000, whole_s=5
)
OK = "HTTP/1.1 200 OK\r\nConnection: close\r\n"


GONE = head("404 Not Found")


def silence(seconds: float) -> bytes:
    return wav(bytes(int(32_000 * seconds)))


def serve(server: RawOrigin, files: Mapping[str, str | bytes], *fields: str) -> None:
    """Have these files at their paths, beside what is there."""
    for path, body in files.items():
        server.paths[path] = live(body.encode() if isinstance(body, str) else body, *fields)


def redirect(server: RawOrigin, path: str, location: str) -> None:
    server.paths[path] = head("302 Found", f"Location: {location}")


def address(server: RawOrigin) -> str:
    return f"{server.host}:{server.port}"


def asked(server: RawOrigin) -> list[str]:
    return [request.split(b" ")[1].decode() for request in server.requests]


def credentials(server: RawOrigin) -> list[str | None]:
    return [server.fields(i).get("authorization") for i in range(len(server.requests))]


async def pull(
    url: str, take: Callable[[SourceEvent], None], fetcher: GuardedFetcher | None = None
) -> SourceFault | None:
    """Pull until the end; return why it came, if it was not the end of the source."""
    async with contextlib.AsyncExitStack() as stack:
        if fetcher is None:
            guarded = GuardedFetcher(ALLOWED, look_up=look_up, limits=LIMITS)
            fetcher = await stack.enter_async_context(guarded)
        sources = Sources(fetcher=fetcher, decoders=DECODERS, retry=PATIENT, open_timeout_s=10)
        events = await stack.enter_async_context(contextlib.aclosing(sources.pull(url)))
        try:
            async for event in events:
                take(event)
        except SourceFault as fault:
            return fault
    return None


def ignore(_: SourceEvent) -> None:
    pass


async def message_of(server: RawOrigin, path: str = "/list") -> str:
    fault = await pull(server.url(path), ignore)
    assert fault is not None
    assert fault.close_code is CloseCode.CLIENT_FAULT
    assert fault.message.isprintable()
    return fault.message


def segments(*lines: str, ends: bool = True) -> str:
    end = "#EXT-X-ENDLIST\n" if ends else ""
    return "\n".join(("#EXTM3U", "#EXT-X-TARGETDURATION:1", *lines, end))


RENDITION = '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",URI="{}"'
REF = '<ref href="{}"/>'
TRACK = "<track><location>{}</location></track>"
XSPF = f"<playlist><trackList>{TRACK}</trackList></playlist>"
DEFINE = '#EXT-X-DEFINE:NAME="a",VALUE="{}"'
# What stands in a playlist that points somewhere, and what else is fetched for it.
PLACES = {
    "variant": ("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{}\n", []),
    "rendition": (f"#EXTM3U\n{RENDITION}\n#EXT-X-STREAM-INF:AUDIO=a\n/v\n", ["/v"]),
    "segment": (segments("#EXTINF:1,", "{}"), []),
    "live segment": (segments("#EXTINF:1,", "{}", ends=False), []),
    "part of a segment": (segments("#EXTINF:1,", "#EXT-X-BYTERANGE:5@5", "{}"), []),
    "map": (segments('#EXT-X-MAP:URI="{}"', "#EXTINF:1,", "/a"), []),
    "key": (segments('#EXT-X-KEY:METHOD=AES-128,URI="{}"', "#EXTINF:1,", "/a"), ["/a"]),
    "station": ("#EXTM3U\n#EXTINF:-1,Station\n{}\n", []),
    "station in a PLS": ("[playlist]\nNumberOfEntries=1\nFile1={}\n", []),
    "station in an ASX": (f"<asx><entry>{REF}</entry></asx>", []),
    "station in an XSPF": (XSPF, []),
    "variable": (segments(DEFINE, "#EXTINF:1,", "{{$a}}"), []),
    "variable in a tag": (segments(DEFINE, '#EXT-X-MAP:URI="{{$a}}"', "#EXTINF:1,", "/a"), []),
}
# Beside a playlist, these lead elsewhere than alone.
REFERENCES = {
    "//127.0.0.1:PORT/": NOT_ALLOWED + "127.0.0.1 is a loopback address",
    " http://127.0.0.1:PORT/": NOT_ALLOWED + "127.0.0.1 is a loopback address",
}
TO_ITS_OWN_SERVER = ("http://", "http:///127.0.0.1:PORT/")
POINTED_AT = [
    (url, REFERENCES.get(url, expected))
    for url, expected in URLS
    if url.isprintable() and ("//" in url or url.startswith(("data:", "javascript:")))
    if url not in TO_ITS_OWN_SERVER
]


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
async def test_what_a_playlist_points_at_is_checked(place: str, server: RawOrigin) -> None:
    text, fetched_besides = PLACES[place]
    wrong: dict[str, str] = {}

    async def check(listener: RawOrigin) -> None:
        async with GuardedFetcher(ALLOWED, look_up=look_up, limits=LIMITS) as fetcher:
            for url, expected in POINTED_AT:
                target = url.replace("PORT", str(listener.port))
                serve(server, {"/list": text.format(target).encode(), "/a": b"segment"})
                server.requests.clear()
                events: list[SourceEvent] = []
                fault = await pull(server.url("/list"), events.append, fetcher)
                message = fault.message if fault else f"it gave {events}"
                if not message.startswith(expected) or asked(server)[1:] != fetched_besides:
                    wrong[url] = f"{message} {asked(server)}"

    await with_listener(check)
    assert wrong == {}


# Schemes that programs for media know.
SCHEMES = [
    *("file:///etc/passwd", "file:/etc/passwd", "data:text/plain,secret", "crypto:/etc/passwd"),
    *("crypto+file:///etc/passwd", "concat:/etc/passwd|/etc/hostname", "concatf:/etc/passwd"),
    *("subfile:/etc/passwd", "pipe:0", "fd:0", "tcp://127.0.0.1:1", "unix:/run/x", "async:file:x"),
    *("cache:http://127.0.0.1/", "hls+http://127.0.0.1/", "hls+file:///etc/passwd", "ftp://a/"),
    *("rtmp://127.0.0.1/", "gopher://127.0.0.1/", "tls://127.0.0.1:1", "udp://127.0.0.1:1"),
]


@pytest.mark.parametrize("place", PLACES)
async def test_only_http_is_followed_from_a_playlist(place: str, server: RawOrigin) -> None:
    text, _ = PLACES[place]
    serve(server, {"/a": b"segment"})
    for url in SCHEMES:
        serve(server, {"/list": text.format(url)})

        expected = f"{NOT_ALLOWED}the scheme of the URL is {url.partition(':')[0]};"
        assert (await message_of(server)).startswith(expected)


@pytest.mark.parametrize("place", PLACES)
async def test_a_redirect_of_what_a_playlist_points_at_is_checked(
    place: str, server: RawOrigin
) -> None:
    text, fetched_besides = PLACES[place]
    serve(server, {"/list": text.format("/to").encode(), "/a": b"segment"})

    async def check(listener: RawOrigin) -> None:
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "metadata.example"):
            redirect(server, "/to", f"http://{host}:{listener.port}/")
            server.requests.clear()
            assert (await message_of(server)).startswith(NOT_ALLOWED)
            assert sorted(asked(server)) == sorted(["/list", *fetched_besides, "/to"])

    await with_listener(check)


async def test_a_playlist_redirected_to_a_forbidden_address_is_not_fetched(
    server: RawOrigin,
) -> None:
    async def check(listener: RawOrigin) -> None:
        redirect(server, "/list", f"http://127.0.0.1:{listener.port}/list")
        assert (await message_of(server)).startswith(NOT_ALLOWED + "127.0.0.1 is a loopback")

    await with_listener(check)


# What comes later in a live playlist.
LATER = [
    "#EXTINF:1,\n{}",
    '#EXT-X-MAP:URI="{}"\n#EXTINF:1,\n/1.wav',
    '#EXT-X-KEY:METHOD=AES-128,URI="{}"\n#EXTINF:1,\n/1.wav',
]


@pytest.mark.slow
@pytest.mark.parametrize("line", LATER)
async def test_a_forbidden_address_ends_a_live_playlist_that_is_heard(
    line: str, server: RawOrigin
) -> None:
    serve(server, {"/0.wav": silence(3), "/1.wav": silence(0.1)})
    first = "#EXTM3U\n#EXT-X-TARGETDURATION:0\n#EXTINF:3,\n/0.wav\n"
    serve(server, {"/list": first})
    events: list[SourceEvent] = []

    async def check(listener: RawOrigin) -> None:
        target = f"http://127.0.0.1:{listener.port}/1.wav"

        def add_forbidden(event: SourceEvent) -> None:
            events.append(event)
            serve(server, {"/list": f"{first}{line.format(target)}\n"})

        fault = await pull(server.url("/list"), add_forbidden)
        assert fault is not None
        assert fault.message.startswith(NOT_ALLOWED + "127.0.0.1 is a loopback address")
        assert fault.close_code is CloseCode.CLIENT_FAULT

    await with_listener(check)
    assert isinstance(events[0], SourceOpened)
    assert not [event for event in events if isinstance(event, SourceLost)]
    assert asked(server).count("/0.wav") == 1


# Lists that lead to lists: files by path, how often something is fetched at most.
LOOPS = {
    "a variant that is its own playlist": {"/list": "#EXTM3U\n#EXT-X-STREAM-INF:\n/list\n"},
    "two that lead to each other": {
        "/list": "#EXTM3U\n#EXT-X-STREAM-INF:\n/other\n",
        "/other": "#EXTM3U\n#EXT-X-STREAM-INF:\n/list\n",
    },
    "a station list that names itself": {"/list": "#EXTM3U\n/list\n"},
    "two station lists": {"/list": "[playlist]\nFile1=/other\n", "/other": "#EXTM3U\n/list\n"},
    "a station list and a master playlist": {
        "/list": "#EXTM3U\n/other\n",
        "/other": "#EXTM3U\n#EXT-X-STREAM-INF:\n/list\n",
    },
    "a rendition that is its own playlist": {
        "/list": '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,URI="/list"\n'
    },
}


@pytest.mark.parametrize("name", LOOPS)
async def test_playlists_do_not_lead_in_circles(name: str, server: RawOrigin) -> None:
    serve(server, LOOPS[name])

    assert (await message_of(server)).startswith(INVALID)
    assert len(asked(server)) <= 2 * LIMITS.playlist_nesting + 1


async def test_a_playlist_whose_segment_is_the_playlist_gives_nothing(server: RawOrigin) -> None:
    serve(server, {"/list": segments("#EXTINF:1,", "/list")})

    assert (await message_of(server)).startswith("unsupported format: ")
    assert asked(server) == ["/list", "/list"]


async def test_redirects_of_a_playlist_end(server: RawOrigin) -> None:
    redirect(server, "/list", "/list")

    assert "it redirects more than 5 times" in await message_of(server)


LONG = INVALID + "it is longer than "
ENDLESS_LIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n"


@pytest.mark.parametrize("piece", [b"#EXTINF:1,\na\n", b"x", b"\n", b"#EXT-X-KEY:METHOD=NONE\n"])
async def test_a_playlist_without_end_is_given_up(server: RawOrigin, piece: bytes) -> None:
    server.paths["/list"] = (live(ENDLESS_LIST), Endlessly(piece * 1000))

    assert (await message_of(server)).startswith(f"{LONG}{LIMITS.playlist_bytes} bytes")


async def test_a_variant_without_end_is_given_up(server: RawOrigin) -> None:
    serve(server, {"/list": "#EXTM3U\n#EXT-X-STREAM-INF:\n/v\n"})
    server.paths["/v"] = (live(b"#EXTM3U\n"), Endlessly(bytes(1000)))

    assert (await message_of(server)).startswith(f"{LONG}{LIMITS.playlist_bytes} bytes")


# What has no end, and how much of it is taken.
ENDLESS = {
    "segment": ("/to", LIMITS.segment_bytes),
    "part of a segment": ("/to", LIMITS.segment_bytes),
    "map": ("/to", LIMITS.segment_bytes),
    "key": ("/to", 16),
}


@pytest.mark.parametrize("place", ENDLESS)
async def test_a_segment_or_key_without_end_is_given_up(place: str, server: RawOrigin) -> None:
    path, limit = ENDLESS[place]
    serve(server, {"/list": PLACES[place][0].format(path), "/a": b"segment"})
    server.paths[path] = (live(b""), Endlessly(bytes(1000)))

    assert (await message_of(server)).startswith(f"{LONG}{limit} bytes")


@pytest.mark.parametrize("place", ["variant", "segment", "map", "key", "station"])
async def test_what_swells_is_given_up(place: str, server: RawOrigin) -> None:
    bomb = gzip.compress(b"#EXTM3U\n#EXT-X-VERSION:3\n" + bytes(50_000_000), 1)
    text = PLACES[place][0].format("/to").encode()
    files = {"/list": gzip.compress(text), "/a": gzip.compress(b"segment"), "/to": bomb}
    serve(server, files, "Content-Encoding: gzip")

    assert (await message_of(server)).startswith(LONG)


@pytest.mark.parametrize("url", ["/list", "/bomb"])
async def test_a_playlist_that_swells_is_given_up(server: RawOrigin, url: str) -> None:
    bomb = gzip.compress(b"#EXTM3U\n" + b"\n" * 50_000_000, 1)
    files = {"/list": gzip.compress(b"#EXTM3U\n/bomb\n"), "/bomb": bomb}
    serve(server, files, "Content-Encoding: gzip")

    assert (await message_of(server, url)).startswith(f"{LONG}{LIMITS.playlist_bytes} bytes")


BASIC = "Basic dTpw"  # u:p


@pytest.mark.slow
async def test_credentials_go_to_the_server_of_the_playlist_alone(server: RawOrigin) -> None:
    async with (
        run_raw_origin(GONE, host="127.0.0.2") as other_port,
        run_raw_origin(GONE, host="127.0.0.3") as other_host,
    ):
        here = f"http://{address(server)}"
        uris = (
            *("a.wav", "/a.wav", f"{here}/a.wav", f"//{address(server)}/a.wav"),
            *(f"http://{address(other_port)}/b.wav", f"http://{address(other_host)}/c.wav"),
            f"http://x:y@{address(other_host)}/c.wav",
        )
        lines = [line for uri in uris for line in ("#EXTINF:0.1,", uri)]
        files = {
            "/list": b"#EXTM3U\n#EXT-X-STREAM-INF:\n/variant\n",
            "/variant": segments(*lines).encode(),
            "/a.wav": silence(0.1),
        }
        serve(server, files)
        serve(other_port, {"/b.wav": silence(0.1)})
        serve(other_host, {"/c.wav": silence(0.1)})
        events: list[SourceEvent] = []

        assert await pull(server.url("/list", user="u:p"), events.append) is None

        assert credentials(server) == [BASIC] * 6
        assert credentials(other_port) == [None]
        assert credentials(other_host) == [None, "Basic eDp5"]
    assert any(isinstance(event, SourceAudio) for event in events)


async def test_credentials_do_not_follow_a_redirect_to_another_server(server: RawOrigin) -> None:
    async with run_raw_origin(GONE, host="127.0.0.3") as other:
        redirect(server, "/list", f"http://{address(other)}/list")
        key = f'#EXT-X-KEY:METHOD=AES-128,URI="http://{address(server)}/key"'
        serve(other, {"/list": segments(key, "#EXTINF:1,", "/a"), "/a": b"segment"})
        serve(server, {"/key": bytes(16)})

        fault = await pull(server.url("/list", user="u:p"), ignore)

        assert fault is not None
        assert "cannot be decrypted" in fault.message
        assert asked(other) == ["/list", "/a"]
        assert credentials(other) == [None, None]
        assert asked(server) == ["/list", "/key"]
        assert credentials(server) == [BASIC, None]
