"""Azure Blob Storage on this machine: Azurite, the emulator of its makers, with signed URLs.

    async with run_azurite(folder) as azurite:
        await azurite.create_container("talks", is_public=False)
        await azurite.put("talks", "talk.mp3", data)
        ... azurite.signed_url("talks", "talk.mp3", expires_in_s=60) ...
        await azurite.kill()
        await azurite.start()

What is signed, and in which order, is said in the service's documentation of shared access
signatures; the version below is the last one without encryption scopes.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from scribewire.errors import ServerFault
from tests.parts.installed import find_part
from tests.parts.plain_http import ask
from tests.parts.programs import Program, find_free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_ACCOUNT: Final = "testaccount"
_VERSION: Final = "2019-12-12"
_CREATED = 201
_ACCESS_S = 3600.0  # for what the test itself does
_FLAGS: Final = ("--silent", "--disableTelemetry", "--skipApiVersionCheck", "--loose")


@dataclass
class Azurite:
    """A running emulator of one account."""

    folder: Path
    port: int
    key: str = field(repr=False)
    """The account's, in base64."""
    _server: Program | None = None

    def url(self, container: str, blob: str) -> str:
        """Return where a blob is, for whoever may read it without being asked."""
        return f"http://127.0.0.1:{self.port}{_path(container, blob)}"

    def signed_url(
        self,
        container: str,
        blob: str,
        *,
        expires_in_s: float = 600.0,
        permissions: str = "r",
        is_for_all: bool = False,
    ) -> str:
        """Return a URL that anybody may use for one blob; a negative time has expired.

        The signature of one that `is_for_all` is good for every blob of the container.
        """
        times = _validity(expires_in_s)
        kind = "c" if is_for_all else "b"
        resource = f"/blob/{_ACCOUNT}/{container}" + ("" if is_for_all else f"/{blob}")
        # Those that are empty: identifier, address, protocol; snapshot; five header fields.
        signed = [permissions, *times, resource, "", "", "", _VERSION, kind, "", *[""] * 5]
        query = {
            "sv": _VERSION,
            "sr": kind,
            "st": times[0],
            "se": times[1],
            "sp": permissions,
            "sig": self._sign("\n".join(signed)),
        }
        return f"{self.url(container, blob)}?{urlencode(query)}"

    async def create_container(self, container: str, *, is_public: bool) -> None:
        """Make a container; the blobs of a public one may be read by anybody."""
        access = {"x-ms-blob-public-access": "blob"} if is_public else {}
        await self._put(f"/{_ACCOUNT}/{container}", {"restype": "container"}, access)

    async def put(
        self, container: str, blob: str, data: bytes, *, content_type: str = "audio/mpeg"
    ) -> None:
        """Store a blob, instead of the one of that name."""
        fields = {"x-ms-blob-type": "BlockBlob", "Content-Type": content_type}
        await self._put(_path(container, blob), {}, fields, data)

    async def start(self) -> None:
        """Start it on the same port with what it has stored. Raises ServerFault."""
        place = ("--blobHost", "127.0.0.1", "--blobPort", str(self.port))
        command = [find_part("azurite-blob"), *_FLAGS, *place, "--location", str(self.folder)]
        environment = {**os.environ, "AZURITE_ACCOUNTS": f"{_ACCOUNT}:{self.key}"}
        log = self.folder / "azurite.log"
        self._server = await Program.start(command, log, environment=environment)
        await self._server.wait_until(self._answers)

    async def end(self) -> None:
        """Let it finish what is being downloaded, write down what it has, and end."""
        if self._server is not None:
            await self._server.end()
            self._server = None

    async def kill(self) -> None:
        """End it on the spot: downloads are cut off, and what came in since `start` may be lost."""
        if self._server is not None:
            await self._server.kill()
            self._server = None

    async def _answers(self) -> bool:
        try:
            await ask(self.port, f"/{_ACCOUNT}")
        except (OSError, asyncio.IncompleteReadError):
            return False
        return True

    async def _put(
        self, path: str, query: dict[str, str], fields: dict[str, str], body: bytes = b""
    ) -> None:
        target = f"{path}?{urlencode({**query, **self._account_access()})}"
        fields = {"x-ms-version": _VERSION, **fields}
        answer = await ask(self.port, target, fields, method="PUT", body=body)
        if answer.status != _CREATED:
            raise ServerFault(f"Azurite: {answer.status} {answer.body.decode()}")

    def _account_access(self) -> dict[str, str]:
        """Return the query of somebody who may do all with blobs and containers for an hour."""
        permissions, services, kinds = "rwdlac", "b", "sco"
        times = _validity(_ACCESS_S)
        signed = [_ACCOUNT, permissions, services, kinds, *times, "", "", _VERSION, ""]
        return {
            "sv": _VERSION,
            "ss": services,
            "srt": kinds,
            "st": times[0],
            "se": times[1],
            "sp": permissions,
            "sig": self._sign("\n".join(signed)),
        }

    def _sign(self, text: str) -> str:
        digest = hmac.digest(base64.b64decode(self.key), text.encode(), hashlib.sha256)
        return base64.b64encode(digest).decode("ascii")


@contextlib.asynccontextmanager
async def run_azurite(folder: Path) -> AsyncIterator[Azurite]:
    """Run an emulator that keeps its blobs in `folder`, on a free port of loopback.

    Raises ServerFault when it does not start.
    """
    key = base64.b64encode(secrets.token_bytes(64)).decode("ascii")
    azurite = Azurite(folder, find_free_port(), key)
    try:
        await azurite.start()
        yield azurite
    finally:
        await azurite.kill()


def _path(container: str, blob: str) -> str:
    return f"/{_ACCOUNT}/{container}/{quote(blob)}"


def _validity(expires_in_s: float) -> tuple[str, str]:
    """Return from when to when, as a signature says it; clocks may differ by a quarter hour."""
    now = datetime.now(UTC)
    times = (now - timedelta(minutes=15), now + timedelta(seconds=expires_in_s))
    start, end = (time.strftime("%Y-%m-%dT%H:%M:%SZ") for time in times)
    return start, end
