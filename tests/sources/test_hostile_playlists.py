"""What playlists lead to: nothing that must not be reached, nothing without end."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from scribewire.errors import CloseCode
from scribewire.sources.addresses import AddressPolicy, parse_address_rule
from scribewire.sources.events import SourceAudio, SourceEvent, SourceLost, SourceOpened
from scribewire.sources.faults import SourceFault
from scribewire.sources.fetcher import FetchLimits, GuardedFetcher
from scribewire.sources.pulled import Sources
from scribewire.sources.retry import RetryRules
from tests.sources.test_hostile_urls import (
    INVALID,
    NOT_ALLOWED,
    URLS,
    Listener,
    look_up,
    with_listener,
)

# One's own servers are at 127.0.0.2 and 127.0.0.3; what they point at is not.
ALLOWED = AddressPolicy(allowed=tuple(map(parse_address_rule, ("127.0.0.2", "127.0.0.3"))))
PATIENT = RetryRules(first_wait_s=0.001, max_wait_s=0.001, give_up_after_s=5)
LIMITS = FetchLimits(
    connect_s=5, stall_s=5, playlist_bytes=20_000, segment_bytes=200_000, whole_s=5
)
OK = "HTTP/1.1 200 OK\r\nConnection: close\r\n"


def wav(seconds: float) -> bytes:
    size = int(32_000 * seconds)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16)
    head = struct.pack("<4sI4s", b"RIFF", size + 36, b"WAVE") + form
    return head + struct.pack("<4sI", b"data", size) + bytes(size)


@dataclass
class Server:
    """Answers by path, and notes what was asked: path, and `Authorization` if it came."""

    files: dict[str, bytes] = field(default_factory=dict)
    locations: dict[str, str] = field(default_factory=dict)
    endless: dict[str, bytes] = field(default_factory=dict)
    """Said again and again after what stands in `files`."""
    coding: str = "identity"
    asked: list[str] = field(default_factory=list)
    credentials: list[str | None] = field(default_factory=list)
    address: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        path = lines[0].split(" ")[1]
        self.asked.append(path)
        fields = dict(line.split(": ", 1) for line in lines[1:-2])
        self.credentials.append(fields.get("Authorization"))
        with contextlib.suppress(ConnectionError):
            writer.write(self._answer(path))
            while path in self.endless:
                writer.write(self.endless[path])
                await writer.drain()
            await writer.drain()
        writer.close()

    def _answer(self, path: str) -> bytes:
        if path in self.locations:
            head = f"HTTP/1.1 302 Found\r\nLocation: {self.locations[path]}\r\n"
            return f"{head}Connection: close\r\nContent-Length: 0\r\n\r\n".encode()
        if path not in self.files:
            return b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n"
        return f"{OK}Content-Encoding: {self.coding}\r\n\r\n".encode() + self.files[path]


@contextlib.asynccontextmanager
async def run_server(host: str = "127.0.0.2") -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.serve, host, 0)
    async with listening:
        server.address = f"{host}:{listening.sockets[0].getsockname()[1]}"
        yield server


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with run_server() as running:
        yield running


async def pull(
    url: str, take: Callable[[SourceEvent], None], fetcher: GuardedFetcher | None = None
) -> SourceFault | None:
    """Pull until the end; return why it came, if it was not the end of the source."""
    async with contextlib.AsyncExitStack() as stack:
        if fetcher is None:
            guarded = GuardedFetcher(ALLOWED, look_up=look_up, limits=LIMITS)
            fetcher = await stack.enter_async_context(guarded)
        sources = Sources(fetcher=fetcher, retry=PATIENT, open_timeout_s=10)
        events = await stack.enter_async_context(contextlib.aclosing(sources.pull(url)))
        try:
            async for event in events:
                take(event)
        except SourceFault as fault:
            return fault
    return None


def ignore(_: SourceEvent) -> None:
    pass


async def message_of(server: Server, path: str = "/list") -> str:
    fault = await pull(f"http://{server.address}{path}", ignore)
    assert fault is not None
    assert fault.close_code is CloseCode.CLIENT_FAULT
    assert fault.message.isprintable()
    return fault.message


def segments(*lines: str, ends: bool = True) -> str:
    end = "#EXT-X-ENDLIST\n" if ends else ""
    return "\n".join(("#EXTM3U", "#EXT-X-TARGETDURATION:1", *lines, end))


RENDITION = '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",URI="{}"'
# What stands in a playlist that points somewhere, and what else is fetched for it before that.
PLACES = {
    "variant": ("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{}\n", []),
    "rendition": (f"#EXTM3U\n{RENDITION}\n#EXT-X-STREAM-INF:AUDIO=a\n/v\n", []),
    "segment": (segments("#EXTINF:1,", "{}"), []),
    "live segment": (segments("#EXTINF:1,", "{}", ends=False), []),
    "part of a segment": (segments("#EXTINF:1,", "#EXT-X-BYTERANGE:5@5", "{}"), []),
    "map": (segments('#EXT-X-MAP:URI="{}"', "#EXTINF:1,", "/a"), []),
    "key": (segments('#EXT-X-KEY:METHOD=AES-128,URI="{}"', "#EXTINF:1,", "/a"), ["/a"]),
    "station": ("#EXTM3U\n#EXTINF:-1,Station\n{}\n", []),
    "station in a PLS": ("[playlist]\nNumberOfEntries=1\nFile1={}\n", []),
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


@pytest.mark.parametrize("place", PLACES)
async def test_what_a_playlist_points_at_is_checked(place: str, server: Server) -> None:
    text, fetched_before = PLACES[place]
    wrong: dict[str, str] = {}

    async def check(listener: Listener) -> None:
        async with GuardedFetcher(ALLOWED, look_up=look_up, limits=LIMITS) as fetcher:
            for url, expected in POINTED_AT:
                target = url.replace("PORT", str(listener.port))
                server.files = {"/list": text.format(target).encode(), "/a": b"segment"}
                server.asked.clear()
                events: list[SourceEvent] = []
                fault = await pull(f"http://{server.address}/list", events.append, fetcher)
                message = fault.message if fault else f"it gave {events}"
                if not message.startswith(expected) or server.asked[1:] != fetched_before:
                    wrong[url] = f"{message} {server.asked}"

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
async def test_only_http_is_followed_from_a_playlist(place: str, server: Server) -> None:
    text, _ = PLACES[place]
    server.files["/a"] = b"segment"
    for url in SCHEMES:
        server.files["/list"] = text.format(url).encode()

        expected = f"{NOT_ALLOWED}the scheme of the URL is {url.partition(':')[0]};"
        assert (await message_of(server)).startswith(expected)


@pytest.mark.parametrize("place", PLACES)
async def test_a_redirect_of_what_a_playlist_points_at_is_checked(
    place: str, server: Server
) -> None:
    text, fetched_before = PLACES[place]
    server.files = {"/list": text.format("/to").encode(), "/a": b"segment"}

    async def check(listener: Listener) -> None:
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "metadata.example"):
            server.locations = {"/to": f"http://{host}:{listener.port}/"}
            server.asked.clear()
            assert (await message_of(server)).startswith(NOT_ALLOWED)
            assert server.asked == ["/list", *fetched_before, "/to"]

    await with_listener(check)


async def test_a_playlist_redirected_to_a_forbidden_address_is_not_fetched(server: Server) -> None:
    async def check(listener: Listener) -> None:
        server.locations = {"/list": f"http://127.0.0.1:{listener.port}/list"}
        assert (await message_of(server)).startswith(NOT_ALLOWED + "127.0.0.1 is a loopback")

    await with_listener(check)


# What comes later in a live playlist.
LATER = [
    "#EXTINF:1,\n{}",
    '#EXT-X-MAP:URI="{}"\n#EXTINF:1,\n/1.wav',
    '#EXT-X-KEY:METHOD=AES-128,URI="{}"\n#EXTINF:1,\n/1.wav',
]


@pytest.mark.parametrize("line", LATER)
async def test_a_forbidden_address_ends_a_live_playlist_that_is_heard(
    line: str, server: Server
) -> None:
    server.files = {"/0.wav": wav(3), "/1.wav": wav(0.1)}
    first = "#EXTM3U\n#EXT-X-TARGETDURATION:0\n#EXTINF:3,\n/0.wav\n"
    server.files["/list"] = first.encode()
    events: list[SourceEvent] = []

    async def check(listener: Listener) -> None:
        target = f"http://127.0.0.1:{listener.port}/1.wav"

        def add_forbidden(event: SourceEvent) -> None:
            events.append(event)
            server.files["/list"] = f"{first}{line.format(target)}\n".encode()

        fault = await pull(f"http://{server.address}/list", add_forbidden)
        assert fault is not None
        assert fault.message.startswith(NOT_ALLOWED + "127.0.0.1 is a loopback address")
        assert fault.close_code is CloseCode.CLIENT_FAULT

    await with_listener(check)
    assert isinstance(events[0], SourceOpened)
    assert not [event for event in events if isinstance(event, SourceLost)]
    assert server.asked.count("/0.wav") == 1


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
async def test_playlists_do_not_lead_in_circles(name: str, server: Server) -> None:
    server.files = {path: text.encode() for path, text in LOOPS[name].items()}

    assert (await message_of(server)).startswith(INVALID)
    assert len(server.asked) <= 2 * LIMITS.playlist_nesting + 1


async def test_a_playlist_whose_segment_is_the_playlist_gives_nothing(server: Server) -> None:
    server.files["/list"] = segments("#EXTINF:1,", "/list").encode()

    assert (await message_of(server)).startswith("unsupported format: ")
    assert server.asked == ["/list", "/list"]


async def test_redirects_of_a_playlist_end(server: Server) -> None:
    server.locations["/list"] = "/list"

    assert "it redirects more than 5 times" in await message_of(server)


LONG = INVALID + "it is longer than "
ENDLESS_LIST = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n"


@pytest.mark.parametrize("piece", [b"#EXTINF:1,\na\n", b"x", b"\n", b"#EXT-X-KEY:METHOD=NONE\n"])
async def test_a_playlist_without_end_is_given_up(server: Server, piece: bytes) -> None:
    server.files["/list"] = ENDLESS_LIST.encode()
    server.endless["/list"] = piece * 1000

    assert (await message_of(server)).startswith(f"{LONG}{LIMITS.playlist_bytes} bytes")


async def test_a_variant_without_end_is_given_up(server: Server) -> None:
    server.files = {"/list": b"#EXTM3U\n#EXT-X-STREAM-INF:\n/v\n", "/v": b"#EXTM3U\n"}
    server.endless["/v"] = bytes(1000)

    assert (await message_of(server)).startswith(f"{LONG}{LIMITS.playlist_bytes} bytes")


# What has no end, and how much of it is taken.
ENDLESS = {
    "segment": ("/to", LIMITS.segment_bytes),
    "part of a segment": ("/to", LIMITS.segment_bytes),
    "map": ("/to", LIMITS.segment_bytes),
    "key": ("/to", 16),
}


@pytest.mark.parametrize("place", ENDLESS)
async def test_a_segment_or_key_without_end_is_given_up(place: str, server: Server) -> None:
    path, limit = ENDLESS[place]
    server.files = {"/list": PLACES[place][0].format(path).encode(), "/a": b"segment", path: b""}
    server.endless[path] = bytes(1000)

    assert (await message_of(server)).startswith(f"{LONG}{limit} bytes")


@pytest.mark.parametrize("place", ["variant", "segment", "map", "key", "station"])
async def test_what_swells_is_given_up(place: str, server: Server) -> None:
    server.coding = "gzip"
    bomb = gzip.compress(b"#EXTM3U\n#EXT-X-VERSION:3\n" + bytes(50_000_000), 1)
    text = PLACES[place][0].format("/to").encode()
    server.files = {"/list": gzip.compress(text), "/a": gzip.compress(b"segment"), "/to": bomb}

    assert (await message_of(server)).startswith(LONG)


@pytest.mark.parametrize("url", ["/list", "/bomb"])
async def test_a_playlist_that_swells_is_given_up(server: Server, url: str) -> None:
    server.coding = "gzip"
    bomb = gzip.compress(b"#EXTM3U\n" + b"\n" * 50_000_000, 1)
    server.files = {"/list": gzip.compress(b"#EXTM3U\n/bomb\n"), "/bomb": bomb}

    assert (await message_of(server, url)).startswith(f"{LONG}{LIMITS.playlist_bytes} bytes")


BASIC = "Basic dTpw"  # u:p


async def test_credentials_go_to_the_server_of_the_playlist_alone(server: Server) -> None:
    async with run_server() as other_port, run_server("127.0.0.3") as other_host:
        here = f"http://{server.address}"
        uris = (
            *("a.wav", "/a.wav", f"{here}/a.wav", f"//{server.address}/a.wav"),
            *(f"http://{other_port.address}/b.wav", f"http://{other_host.address}/c.wav"),
            f"http://x:y@{other_host.address}/c.wav",
        )
        lines = [line for uri in uris for line in ("#EXTINF:0.1,", uri)]
        server.files = {
            "/list": b"#EXTM3U\n#EXT-X-STREAM-INF:\n/variant\n",
            "/variant": segments(*lines).encode(),
            "/a.wav": wav(0.1),
        }
        other_port.files["/b.wav"] = other_host.files["/c.wav"] = wav(0.1)
        events: list[SourceEvent] = []

        assert await pull(f"http://u:p@{server.address}/list", events.append) is None

        assert server.credentials == [BASIC] * 6
        assert other_port.credentials == [None]
        assert other_host.credentials == [None, "Basic eDp5"]
    assert any(isinstance(event, SourceAudio) for event in events)


async def test_credentials_do_not_follow_a_redirect_to_another_server(server: Server) -> None:
    async with run_server("127.0.0.3") as other:
        server.locations["/list"] = f"http://{other.address}/list"
        key = f'#EXT-X-KEY:METHOD=AES-128,URI="http://{server.address}/key"'
        other.files["/list"] = segments(key, "#EXTINF:1,", "/a").encode()
        other.files["/a"] = b"segment"
        server.files["/key"] = bytes(16)

        fault = await pull(f"http://u:p@{server.address}/list", ignore)

        assert fault is not None
        assert "cannot be decrypted" in fault.message
        assert other.asked == ["/list", "/a"]
        assert other.credentials == [None, None]
        assert server.asked == ["/list", "/key"]
        assert server.credentials == [BASIC, None]
