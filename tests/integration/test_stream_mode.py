"""Stream mode over real sockets: a source on loopback, the server between, a client."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest

from scribewire.testing.observing import RememberingObserver
from scribewire.testing.running import RawClient, RunningServer, run_server
from scribewire.testing.scripted import draw_pcm
from tests.parts.film import make_film
from tests.parts.raw_origin import HANG, RawOrigin, head, live, ok, run_raw_origin
from tests.parts.wav import FOREVER, wav

HELLO = "." * 70 + "hello" * 3 + "." * 20
WORLD = "." * 70 + "world" * 3 + "." * 20


def endless(picture: str) -> bytes:
    """Return what a live source sends of it before it hangs up."""
    return live(wav(draw_pcm(picture), size=FOREVER))


def path_for(source: RawOrigin, extra: str = "") -> str:
    url = source.url("/talk.wav?secret=1")
    return f"/v2/client/key-1?url={quote(url, safe='')}{extra}"


def states_of(dialogue: RawClient) -> list[str]:
    return [m["state"] for m in dialogue.messages if "state" in m]


@contextlib.asynccontextmanager
async def run_open_server(
    *, source_retry_ms: int = 5_000, observer: RememberingObserver | None = None
) -> AsyncIterator[RunningServer]:
    home = "http://127.0.0.1"
    async with run_server(
        named_source=home, source_retry_ms=source_retry_ms, observer=observer
    ) as server:
        yield server


async def test_a_finite_source_is_loaded_heard_and_stopped() -> None:
    async with (
        run_raw_origin(ok(wav(draw_pcm(HELLO + WORLD)))) as source,
        run_open_server() as server,
        server.dial(path_for(source)) as dialogue,
    ):
        code = await dialogue.until_closed()

    assert (code, states_of(dialogue)) == (1000, ["loading", "listening", "stopped"])
    assert dialogue.finals == ["hello" * 3, "world" * 3]
    assert dialogue.errors == []


async def test_it_hears_what_the_same_audio_pushed_gives() -> None:
    pcm = draw_pcm(HELLO + WORLD + "abc")
    async with run_raw_origin(ok(wav(pcm))) as source, run_open_server() as server:
        async with server.dial(path_for(source)) as pulled:
            await pulled.until_closed()
        async with server.dial() as pushed:
            await pushed.send('{"action":"start"}', pcm, '{"action":"stop"}')
            await pushed.until_closed()

    finals = [[m for m in d.messages if m.get("is_final")] for d in (pulled, pushed)]
    assert finals[0] == finals[1] != []


@pytest.mark.parametrize(("extra", "expected"), [("", "hello"), ("&track=2", "world")])
async def test_the_track_that_is_asked_for_is_heard(extra: str, expected: str) -> None:
    async with (
        run_raw_origin(ok(make_film(draw_pcm(HELLO), draw_pcm(WORLD)))) as source,
        run_open_server() as server,
        server.dial(path_for(source, extra)) as dialogue,
    ):
        await dialogue.until_closed()

    assert dialogue.finals == [expected * 3]


async def test_a_first_track_that_is_silent_is_left_for_the_one_that_speaks() -> None:
    spoken = draw_pcm(HELLO + WORLD)
    film = make_film(bytes(len(spoken)), spoken)
    finals: dict[str, list[object]] = {}
    async with run_raw_origin(ok(film)) as source, run_open_server() as server:
        for extra in ("", "&track=1", "&track=2"):
            async with server.dial(path_for(source, extra)) as dialogue:
                await dialogue.until_closed()
            finals[extra] = [m for m in dialogue.messages if m.get("is_final")]

    assert dialogue.finals == ["hello" * 3, "world" * 3]
    assert finals[""] == finals["&track=2"]  # the times of their words as well
    assert finals["&track=1"] == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (head("404 Not Found"), ["invalid stream", "404"]),
        (head("401 Unauthorized"), ["stream requires authentication"]),
        (head("403 Forbidden"), ["stream requires authentication"]),
        (
            ok(b"<!DOCTYPE html><html><body>no</body></html>" * 50),
            ["unsupported format"],
        ),
    ],
)
async def test_a_source_that_cannot_be_used_is_an_error(answer: bytes, words: list[str]) -> None:
    async with (
        run_raw_origin(answer) as source,
        run_open_server() as server,
        server.dial(path_for(source)) as dialogue,
    ):
        code = await dialogue.until_closed()

    (error,) = dialogue.errors
    assert code == 1008
    assert all(word in error for word in words)
    assert "secret" not in error


async def test_a_source_that_does_not_open_in_time_is_an_error_with_its_cause() -> None:
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n"
    async with (
        run_raw_origin(live(playlist), head("404 Not Found")) as source,
        run_server(None, named_source="http://127.0.0.1", start_timeout_ms=600) as server,
        server.dial(path_for(source)) as dialogue,
    ):
        code = await dialogue.until_closed()

    (error,) = dialogue.errors
    assert code == 1008
    assert "404" in error


async def test_an_address_of_this_machine_is_not_connected_to(server: RunningServer) -> None:
    async with (
        run_raw_origin(ok(wav(draw_pcm(HELLO)))) as source,
        server.dial(path_for(source)) as dialogue,
    ):
        code = await dialogue.until_closed()

    (error,) = dialogue.errors
    assert (code, source.requests) == (1008, [])
    assert "stream address not allowed" in error


async def test_a_download_that_breaks_off_goes_on_where_it_stopped() -> None:
    body = wav(draw_pcm(HELLO + WORLD))
    half = len(body) // 2

    first_half = ok(body)[:-half]

    def rest(request: bytes) -> bytes:
        found = re.search(rb"bytes=(\d+)-", request)
        assert found is not None
        start = int(found[1])
        span = f"content-range: bytes {start}-{len(body) - 1}/{len(body)}"
        return head("206 Partial Content", span, body=body[start:])

    async with (
        run_raw_origin(first_half, rest) as source,
        run_open_server() as server,
        server.dial(path_for(source)) as dialogue,
    ):
        code = await dialogue.until_closed()

    assert dialogue.errors == [], source.requests
    assert code == 1000
    assert dialogue.finals == ["hello" * 3, "world" * 3]
    assert len(source.requests) == 2


async def test_a_live_source_that_hangs_up_is_connected_to_again() -> None:
    first, second = endless(HELLO), (endless(WORLD), HANG)
    async with (
        run_raw_origin(first, second) as source,
        run_open_server() as server,
        server.dial(path_for(source)) as dialogue,
    ):
        while "world" * 3 not in dialogue.finals:
            await dialogue.next()
        await dialogue.send('{"action":"stop"}')
        code = await dialogue.until_closed()

    assert states_of(dialogue) == ["loading", "listening", "loading", "listening", "stopped"]
    assert dialogue.finals == ["hello" * 3, "world" * 3]
    assert code == 1000


async def test_a_word_that_is_cut_off_is_no_part_of_what_follows() -> None:
    first = endless("." * 70 + "hello" * 3)
    second = (endless("world" * 3 + "." * 20), HANG)
    # Its silence would not end an utterance before five seconds.
    async with (
        run_raw_origin(first, second) as source,
        run_open_server() as server,
        server.dial(path_for(source, "&endpointing=5000")) as dialogue,
    ):
        while not dialogue.finals:
            await dialogue.next()
        assert states_of(dialogue)[:2] == ["loading", "listening"]
        await dialogue.send('{"action":"stop"}')
        await dialogue.until_closed()

    assert dialogue.finals[0] == "hello" * 3


async def test_a_live_source_that_does_not_come_back_is_given_up() -> None:
    observer = RememberingObserver()
    async with (
        run_raw_origin(endless(HELLO), head("404 Not Found")) as source,
        run_open_server(source_retry_ms=1, observer=observer) as server,
        server.dial(path_for(source)) as dialogue,
    ):
        code = await dialogue.until_closed()

    assert code == 1011
    assert dialogue.finals == ["hello" * 3]
    assert "invalid stream" in dialogue.errors[0]
    assert "source fault: invalid stream" in observer.told
    assert "close 1011" not in observer.told  # which would say that the server is at fault


async def test_a_client_that_leaves_ends_the_fetch() -> None:
    async with (
        run_raw_origin((endless(HELLO), HANG)) as source,
        run_open_server() as server,
    ):
        async with server.dial(path_for(source)) as dialogue:
            while not dialogue.finals:
                await dialogue.next()
            (session,) = server.services.attachments
        await session.has_ended.wait()

    assert dialogue.finals == ["hello" * 3]


@pytest.mark.parametrize(
    ("answer", "logged"),
    [
        (None, "cannot be reached"),
        (head("404 Not Found"), "HTTP 404"),
        (ok(b"<!DOCTYPE html><html><body>no</body></html>" * 50), "an HTML page"),
    ],
)
async def test_a_host_that_only_a_rule_lets_in_is_not_looked_into(
    answer: bytes | None, logged: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "scribewire.session")
    async with run_server(allow_source=("127.0.0.1",), source_retry_ms=1) as server:
        async with run_raw_origin(answer or b"") as source:
            if answer is not None:
                errors = await errors_of(server, source)
        if answer is None:  # nobody is there any more
            errors = await errors_of(server, source)

    assert errors == [NOTHING_HEARD]
    assert any(logged in record.message for record in caplog.records)


NOTHING_HEARD = (
    "invalid stream: no audio was found there; expected audio at the URL; "
    "check the URL and try again"
)


async def errors_of(server: RunningServer, source: RawOrigin) -> list[str]:
    async with server.dial(path_for(source)) as dialogue:
        await dialogue.until_closed()
    return dialogue.errors
