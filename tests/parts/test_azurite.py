from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from scribewire.errors import ServerFault
from tests.parts.azurite import Azurite, run_azurite
from tests.parts.installed import need_part
from tests.parts.plain_http import PlainAnswer, ask

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

DATA = bytes(range(256)) * 40


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def azurite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Azurite]:
    """One for all tests here, each with containers of its own: it takes a second to start."""
    need_part("node", "azurite-blob")
    async with run_azurite(tmp_path_factory.mktemp("azurite")) as running:
        yield running


async def get(azurite: Azurite, url: str, fields: dict[str, str] | None = None) -> PlainAnswer:
    origin = f"http://127.0.0.1:{azurite.port}"
    assert url.startswith(origin)
    return await ask(azurite.port, url.removeprefix(origin), fields)


async def test_a_public_blob_is_read_by_anybody(azurite: Azurite) -> None:
    await azurite.create_container("public", is_public=True)
    await azurite.put("public", "a talk.mp3", DATA, content_type="audio/mpeg")

    answer = await get(azurite, azurite.url("public", "a talk.mp3"))

    assert (answer.status, answer.body) == (200, DATA)
    assert answer.fields["content-type"] == "audio/mpeg"
    assert answer.fields["x-ms-request-id"]


async def test_a_private_blob_is_read_with_a_signature_that_holds(azurite: Azurite) -> None:
    await azurite.create_container("private", is_public=False)
    await azurite.put("private", "day one/talk.mp3", DATA)

    async def status(expires_in_s: float = 600.0, permissions: str = "r") -> tuple[int, str]:
        url = azurite.signed_url(
            "private", "day one/talk.mp3", expires_in_s=expires_in_s, permissions=permissions
        )
        answer = await get(azurite, url)
        return answer.status, answer.fields.get("x-ms-error-code", "")

    unsigned = await get(azurite, azurite.url("private", "day one/talk.mp3"))
    assert unsigned.status == 403
    assert await status() == (200, "")
    assert await status(expires_in_s=-60) == (403, "AuthorizationFailure")
    assert await status(permissions="w") == (403, "AuthorizationPermissionMismatch")


async def test_a_part_is_read(azurite: Azurite) -> None:
    await azurite.create_container("parts", is_public=True)
    await azurite.put("parts", "talk.mp3", DATA)

    answer = await get(azurite, azurite.url("parts", "talk.mp3"), {"Range": "bytes=100-199"})

    assert (answer.status, answer.body) == (206, DATA[100:200])


async def test_it_comes_back_on_the_same_port_with_what_it_had(azurite: Azurite) -> None:
    await azurite.create_container("kept", is_public=False)
    await azurite.put("kept", "talk.mp3", DATA)
    url = azurite.signed_url("kept", "talk.mp3")

    await azurite.end()
    await azurite.start()

    assert (await get(azurite, url)).body == DATA


async def test_what_it_refuses_is_told(azurite: Azurite) -> None:
    with pytest.raises(ServerFault, match="<Code>ContainerNotFound</Code>"):
        await azurite.put("nowhere", "talk.mp3", DATA)
