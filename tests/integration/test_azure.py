"""Stream mode from Azure Blob Storage: the real emulator, the server, and a client."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from urllib.parse import quote

import numpy as np
import pytest
import pytest_asyncio

from scribewire.testing.running import RawClient, RunningServer, run_server
from scribewire.testing.scripted import draw_pcm
from tests.parts.azurite import Azurite, run_azurite
from tests.parts.installed import need_part
from tests.parts.wav import wav

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

HELLO = "." * 70 + "hello" * 3 + "." * 20
WORLD = "." * 70 + "world" * 3 + "." * 20
TIMES = 8
CHANNELS = 32  # the same in each: much to download, little to recognize


def talk(picture: str, *, channels: int = 1) -> bytes:
    pcm = np.repeat(np.frombuffer(draw_pcm(picture), "<i2"), channels).tobytes()
    return wav(pcm, channels=channels)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def azurite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Azurite]:
    """One for all tests here, each with containers of its own: it takes a second to start."""
    need_part("node", "azurite-blob")
    async with run_azurite(tmp_path_factory.mktemp("azurite")) as running:
        yield running


@contextlib.asynccontextmanager
async def dial(server: RunningServer, url: str) -> AsyncIterator[RawClient]:
    async with server.dial(f"/v2/client/key-1?url={quote(url, safe='')}") as dialogue:
        yield dialogue


def states(dialogue: RawClient) -> list[str]:
    return [message["state"] for message in dialogue.messages if "state" in message]


async def test_a_blob_is_heard_where_it_may_be_read_and_else_the_reason_is_told(
    azurite: Azurite,
) -> None:
    await azurite.create_container("public", is_public=True)
    await azurite.create_container("private", is_public=False)
    for container in ("public", "private"):
        await azurite.put(container, "a talk.wav", talk(HELLO + WORLD))

    def signed(
        container: str,
        blob: str = "a talk.wav",
        *,
        expires_in_s: float = 600.0,
        permissions: str = "r",
    ) -> str:
        return azurite.signed_url(
            container, blob, expires_in_s=expires_in_s, permissions=permissions
        )

    heard = [azurite.url("public", "a talk.wav"), signed("private")]
    refused = [
        (azurite.url("private", "a talk.wav"), "stream requires authentication: the blob is priv"),
        (azurite.url("public", "none.wav"), "invalid stream: there is no such blob (HTTP 404"),
        (signed("private", "none.wav"), "invalid stream: there is no such blob (HTTP 404"),
        (signed("nothing"), "invalid stream: there is no such container (HTTP 404 "),
        (signed("private", expires_in_s=-60), "invalid stream: the signed URL expired at 20"),
        (
            signed("private", permissions="w"),
            "stream requires authentication: the signed URL does not permit reading (HTTP 403 ",
        ),
    ]
    async with run_server(None, named_source="http://127.0.0.1") as server:
        for url in heard:
            async with dial(server, url) as dialogue:
                assert await dialogue.until_closed() == 1000, dialogue.errors
            assert dialogue.finals == ["hello" * 3, "world" * 3]
        for url, words in refused:
            async with dial(server, url) as dialogue:
                assert await dialogue.until_closed() == 1008
            (error,) = dialogue.errors
            assert error.startswith(words)
            assert "sig" not in error.replace("signed", "")


async def test_the_signature_of_a_container_opens_the_segments_of_a_playlist(
    azurite: Azurite,
) -> None:
    tags = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\npart.wav\n#EXT-X-ENDLIST\n"
    await azurite.create_container("lists", is_public=False)
    await azurite.put("lists", "live/index.m3u8", tags.encode())
    await azurite.put("lists", "live/part.wav", talk(HELLO))

    answers = {}
    async with run_server(None, named_source="http://127.0.0.1", source_retry_ms=2_000) as server:
        for is_for_all in (True, False):
            url = azurite.signed_url("lists", "live/index.m3u8", is_for_all=is_for_all)
            async with dial(server, url) as dialogue:
                code = await dialogue.until_closed()
            answers[is_for_all] = (code, dialogue.finals, dialogue.errors)

    assert answers[True] == (1000, ["hello" * 3], [])
    code, finals, (error,) = answers[False]
    assert (code, finals) == (1008, [])
    assert error.startswith("stream requires authentication: the blob is private")


async def test_a_service_that_restarts_costs_nothing_of_what_is_said(azurite: Azurite) -> None:
    await azurite.create_container("kept", is_public=False)
    await azurite.put("kept", "talk.wav", talk((HELLO + WORLD) * TIMES, channels=CHANNELS))
    await azurite.end()
    await azurite.start()
    async with (
        run_server(None, named_source="http://127.0.0.1", source_retry_ms=10_000) as server,
        dial(server, azurite.signed_url("kept", "talk.wav")) as dialogue,
    ):
        while not dialogue.finals:
            await dialogue.next()
        await azurite.kill()
        while states(dialogue).count("loading") < 2:
            await dialogue.next()
        await azurite.start()
        code = await dialogue.until_closed()

    assert (code, dialogue.errors) == (1000, [])
    assert states(dialogue) == ["loading", "listening", "loading", "listening", "stopped"]
    assert dialogue.finals == ["hello" * 3, "world" * 3] * TIMES
    # A final is dated where its audio ends: no time was counted while nothing came.
    offsets = [m["offset_ms"] for m in dialogue.messages if m.get("is_final")]
    assert offsets[-1] <= len(HELLO + WORLD) * TIMES * 32
