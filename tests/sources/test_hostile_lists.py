"""What lists of several addresses lead to, and addresses that variables put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from scribewire.sources.http.fetcher import GuardedFetcher
from tests.parts.raw_origin import RawOrigin
from tests.sources.test_hostile_playlists import (
    ALLOWED,
    POINTED_AT,
    REF,
    TRACK,
    asked,
    ignore,
    message_of,
    pull,
    segments,
    serve,
)
from tests.sources.test_hostile_urls import INVALID, NOT_ALLOWED, look_up, with_listener


def numbered(head: str, name: str, urls: Sequence[str]) -> str:
    return "\n".join((head, *(f"{name}{number}={url}" for number, url in enumerate(urls, 1))))


# How lists of stations name several.
LISTS: dict[str, Callable[[Sequence[str]], str]] = {
    "M3U": lambda urls: "\n".join(("#EXTM3U", *urls)),
    "PLS": lambda urls: numbered("[playlist]", "File", urls),
    "Reference": lambda urls: numbered("[Reference]", "Ref", urls),
    "ASX": lambda urls: "".join(("<asx>", *map(REF.format, urls))),
    "XSPF": lambda urls: "".join(("<playlist><trackList>", *map(TRACK.format, urls))),
}


@pytest.mark.parametrize("kind", LISTS)
async def test_no_entry_of_a_list_is_tried_that_must_not_be_reached(
    kind: str, server: RawOrigin
) -> None:
    async def check(listener: RawOrigin) -> None:
        hostile = [url.replace("PORT", str(listener.port)) for url, _ in POINTED_AT]
        async with GuardedFetcher(ALLOWED, look_up=look_up) as fetcher:
            for several in (hostile[at : at + 17] for at in range(0, len(hostile), 17)):
                # What is down leads on, and so do they.
                stations = ["/gone", *several, "/last"]
                serve(server, {"/list": LISTS[kind](stations).encode()})
                server.requests.clear()
                fault = await pull(server.url("/list"), ignore, fetcher)
                assert fault is not None
                assert asked(server) == ["/list", "/gone", "/last"]

    await with_listener(check)


# Playlists at /list?at=127.0.0.1:PORT that put an address together, and what is said of it.
LOOPBACK = NOT_ALLOWED + "127.0.0.1 is a loopback address"
PUT_TOGETHER = [
    ('NAME="a",VALUE="127.0"\n{D}NAME="b",VALUE="0.1:PORT"', "http://{$a}.{$b}/", LOOPBACK),
    ('NAME="a",VALUE="@127.0.0.1:PORT"', "http://127.0.0.2{$a}/", LOOPBACK),
    ('NAME="a",VALUE="//127.0.0.1:PORT/#"', "{$a}/127.0.0.2/", LOOPBACK),
    ('NAME="a",VALUE="ile:"', "f{$a}///etc/passwd", NOT_ALLOWED + "the scheme of the URL is file"),
    ('NAME="a",VALUE="\\@127.0.0.1:PORT"', "http://127.0.0.2{$a}/", INVALID),
    ('QUERYPARAM="at"', "http://{$at}/", LOOPBACK),
    ('QUERYPARAM="at"', "http:{$at}/", INVALID),
    ('NAME="a",VALUE="{$b}"\n{D}NAME="b",VALUE="127.0.0.1"', "http://{$a}:PORT/", INVALID),
    ('NAME="a",VALUE="{"', "http://{$a}$b}/", INVALID),
    ('IMPORT="m"', "http://{$m}:PORT/", LOOPBACK),
    ('IMPORT="m"', "{$m}.nip.example:PORT/", INVALID),
]


@pytest.mark.parametrize(("definition", "reference", "expected"), PUT_TOGETHER)
async def test_what_variables_put_together_is_checked(
    definition: str, reference: str, expected: str, server: RawOrigin
) -> None:
    async def check(listener: RawOrigin) -> None:
        tag = f"#EXT-X-DEFINE:{definition}".replace("{D}", "#EXT-X-DEFINE:")
        text = segments(tag, "#EXTINF:1,", reference).replace(":PORT", f":{listener.port}")
        master = '#EXTM3U\n#EXT-X-DEFINE:NAME="m",VALUE="127.0.0.1"\n#EXT-X-STREAM-INF:\n/list?{}'
        query = f"at=127.0.0.1:{listener.port}"
        serve(server, {"/master": master.format(query), "/list": text})

        assert (await message_of(server, "/master")).startswith(expected)
        assert asked(server)[:2] == ["/master", f"/list?{query}"]

    await with_listener(check)
