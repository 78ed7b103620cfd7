"""A real Icecast with real source clients, for as long as a test needs them.

async with run_icecast(folder) as icecast:
    await icecast.feed(folder / "talk.mp3", "/live.mp3")
    ... icecast.url("/live.mp3") ...
    await icecast.restart()
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import secrets
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from scribewire.errors import ServerFault
from tests.parts.installed import find_part
from tests.parts.plain_http import ask
from tests.parts.programs import Program, find_free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

# Icecast 2.4 crashes when it is asked before its statistics have begun to count, now and then.
_STARTS = 5
_ADMINISTRATOR: Final = "admin"
_OGG: Final = ("-f", "ogg", "-page_duration", "100000", "-content_type", "application/ogg")
# How ffmpeg sends each kind of file on as it is.
_CARRIED: Final = {
    ".mp3": ("-f", "mp3", "-content_type", "audio/mpeg"),
    ".aac": ("-f", "adts", "-content_type", "audio/aac"),
    ".oga": _OGG,
    ".ogg": _OGG,
    ".opus": _OGG,
}
# It refuses to run as root and wants to become somebody else.
_LESSER_USER: Final = "<changeowner><user>nobody</user><group>nogroup</group></changeowner>"
_CONFIGURATION: Final = """\
<icecast>
  <limits>
    <clients>100</clients><sources>20</sources><queue-size>1048576</queue-size>
    <header-timeout>15</header-timeout><source-timeout>10</source-timeout>
    <burst-size>{burst_bytes}</burst-size>
  </limits>
  <authentication>
    <source-password>{password}</source-password>
    <admin-user>{administrator}</admin-user><admin-password>{password}</admin-password>
  </authentication>
  <hostname>127.0.0.1</hostname>
  <listen-socket><port>{port}</port><bind-address>127.0.0.1</bind-address></listen-socket>
  <paths>
    <basedir>{folder}</basedir><logdir>{folder}</logdir>
    <webroot>{folder}</webroot><adminroot>{folder}</adminroot>
  </paths>
  <logging>
    <accesslog>-</accesslog><errorlog>-</errorlog><loglevel>3</loglevel>
  </logging>
  <security><chroot>0</chroot>{owner}</security>
</icecast>
"""


@dataclass(frozen=True, slots=True)
class _Carried:
    file: Path
    speed: float


@dataclass
class Icecast:
    """A running server and those who feed it."""

    folder: Path
    port: int
    password: str = field(repr=False)
    """Of the administrator and of the source clients."""
    _server: Program | None = None
    _carried: dict[str, _Carried] = field(default_factory=dict)  # by mount
    _feeds: dict[str, Program] = field(default_factory=dict)

    def url(self, mount: str) -> str:
        """Return where a mount is listened to."""
        return f"http://127.0.0.1:{self.port}{mount}"

    async def start(self) -> None:
        """Start the server, and all that fed it before. Raises ServerFault."""
        for left in reversed(range(_STARTS)):
            command = [find_part("icecast2"), "-c", str(self.folder / "icecast.xml")]
            self._server = await Program.start(command, self.folder / "icecast.log")
            try:
                await self._server.wait_until(self._is_ready)
                break
            except ServerFault:
                if not self._server.has_crashed or not left:
                    raise
        for mount in self._carried:
            await self._start_feed(mount)

    async def stop(self) -> None:
        """End the server; what fed it ends with it and comes back with `start`."""
        if self._server is not None:
            await self._server.end()
        await self.kill()

    async def kill(self) -> None:
        """End it all on the spot, as a crash would."""
        for program in [*([self._server] if self._server else []), *self._feeds.values()]:
            await program.kill()
        self._feeds.clear()
        self._server = None

    async def restart(self) -> None:
        """Stop and start on the same port: every listener is cut off."""
        await self.stop()
        await self.start()

    async def feed(self, file: Path, mount: str, *, speed: float = 1.0) -> None:
        """Play a file on a mount over and over; faster than it was spoken, for who cannot wait.

        Raises ServerFault.
        """
        self._carried[mount] = _Carried(file, speed)
        await self._start_feed(mount)

    async def stop_feed(self, mount: str) -> None:
        """End what plays on a mount: its listeners are sent away, and then it is not found."""
        del self._carried[mount]
        await self._feeds.pop(mount).end()

    async def set_title(self, mount: str, title: str) -> None:
        """Tell the listeners of an MP3 or AAC mount what is playing."""
        query = f"mount={quote(mount, safe='')}&mode=updinfo&song={quote(title)}"
        answer = await ask(self.port, f"/admin/metadata?{query}", self._authorization())
        if b"successful" not in answer.body:
            raise ServerFault(f"Icecast did not take the title: {answer.body!r}")

    async def listeners(self, mount: str) -> int:
        """Return how many listen to a mount."""
        query = f"mount={quote(mount, safe='')}"
        answer = await ask(self.port, f"/admin/listclients?{query}", self._authorization())
        return answer.body.count(b"<IP>")

    async def _start_feed(self, mount: str) -> None:
        file, speed = self._carried[mount].file, self._carried[mount].speed
        target = f"icecast://source:{self.password}@127.0.0.1:{self.port}{mount}"
        command = [find_part("ffmpeg"), "-hide_banner", "-nostdin", "-loglevel", "error"]
        command += [
            "-readrate",
            str(speed),
            "-stream_loop",
            "-1",
            "-i",
            str(file),
            "-map",
            "0:a",
            "-c",
            "copy",
        ]
        command += ["-flush_packets", "1"]  # as a broadcaster does, not when a buffer is full
        command += [*_CARRIED[file.suffix], target]
        feed = await Program.start(command, self.folder / "feeds.log")
        self._feeds[mount] = feed
        await feed.wait_until(partial(self._has_mount, mount))

    async def _is_ready(self) -> bool:
        try:
            answer = await ask(self.port, "/admin/stats", self._authorization())
        except (OSError, asyncio.IncompleteReadError):
            return False
        return b"<server_start>" in answer.body  # then it counts, and cannot crash any more

    async def _has_mount(self, mount: str) -> bool:
        answer = await ask(self.port, "/admin/stats", self._authorization())
        return f'<source mount="{mount}">'.encode() in answer.body

    def _authorization(self) -> dict[str, str]:
        user = base64.b64encode(f"{_ADMINISTRATOR}:{self.password}".encode()).decode("ascii")
        return {"Authorization": f"Basic {user}"}


@contextlib.asynccontextmanager
async def run_icecast(folder: Path, *, burst_bytes: int = 65_535) -> AsyncIterator[Icecast]:
    """Run a server that keeps its files in `folder`, on a free port of loopback.

    `burst_bytes` of what was sent last are sent at once to who begins to listen; the default is
    Icecast's own. Raises ServerFault when it does not start.
    """
    icecast = Icecast(folder, find_free_port(), secrets.token_urlsafe())
    is_root = os.geteuid() == 0
    configuration = _CONFIGURATION.format(
        administrator=_ADMINISTRATOR,
        burst_bytes=burst_bytes,
        folder=folder,
        owner=_LESSER_USER if is_root else "",
        password=icecast.password,
        port=icecast.port,
    )
    (folder / "icecast.xml").write_text(configuration, "utf-8")
    try:
        await icecast.start()
        yield icecast
    finally:
        await icecast.kill()
