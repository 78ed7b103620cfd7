"""Sources whose bodies make all the work they can, and sessions that pull them again and again.

`python -m bench.hostile_pulls SERVER KEY SECONDS PATH...` serves these on loopback, has the server
pull three of each at once, prints what came of it as JSON, and ends; sooner when its input ends.
"""

from __future__ import annotations

import asyncio
import gzip
import sys
import zlib
from collections import Counter
from collections.abc import Collection, Coroutine
from dataclasses import dataclass, field

from bench.side_process import attack_until_input_ends
from scribewire.client import ClientError, connect
from tests.parts.raw_origin import Answer, Endlessly, RawOrigin, head, live, ok, run_raw_origin
from tests.parts.wav import FOREVER, wav

AT_ONCE = 3
"""Of each kind."""
BREAK_S = 0.5
"""Before a session that has ended is opened again: some are refused at once."""
LINES = 58_000
"""Of a playlist, two for each segment: as many as may stand in one."""

_GZIP = 16 + zlib.MAX_WBITS
_START = wav(bytes(64_000), size=FOREVER)  # so that it is taken for sound
_ZEROS = bytes(1 << 20)


def hostile_bodies() -> dict[str, Answer]:
    """Return them by their paths."""
    packer = zlib.compressobj(9, zlib.DEFLATED, _GZIP)
    start = packer.compress(_START) + packer.flush(zlib.Z_FULL_FLUSH)
    packer.compress(_ZEROS)
    packer.flush(zlib.Z_FULL_FLUSH)
    zeros = packer.compress(_ZEROS) + packer.flush(zlib.Z_FULL_FLUSH)  # may follow itself
    packed = "Content-Encoding: gzip"
    members = Endlessly(gzip.compress(b"") * 3000)
    return {
        "/members.wav": (live(gzip.compress(_START), packed), members),
        "/bomb.wav": (live(start, packed), Endlessly(zeros)),
        "/playlist.m3u8": ok(_playlist()),
        "/radio.wav": (live(_START, "icy-metaint: 1"), Endlessly(bytes(1 << 16))),
    }


def _playlist() -> bytes:
    """Return a live one, which is read again as often as its short segments permit."""
    entries = b"".join(b"#EXTINF:1,\n%d.ts\n" % number for number in range(LINES // 2))
    return b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n" + entries


@dataclass(frozen=True, slots=True)
class Pulls:
    """Who is made to pull, and what has come of it."""

    server: str
    """ws://host:port."""
    key: str = field(repr=False)
    counts: Counter[str] = field(default_factory=Counter)

    async def repeat(self, name: str, url: str) -> None:
        """Have a URL pulled in one session after another."""
        while True:
            self.counts[f"{name}: sessions"] += 1
            self.counts[f"{name}: {await self._pull(url)}"] += 1
            await asyncio.sleep(BREAK_S)

    async def _pull(self, url: str) -> str:
        """Hear it to the end; return how it ended."""
        session = connect(self.server, key=self.key, url=url, language="en", partials=False)
        try:
            async with session as client:
                async for _ in client:
                    pass
        except ClientError as error:
            return str(error).partition("; ")[0]
        return "stopped"

    def all_of(
        self, origin: RawOrigin, paths: Collection[str]
    ) -> list[Coroutine[None, None, None]]:
        """Return every pull of these paths, of each as many as there are at once.

        Their addresses differ: sessions wait together for what has the same, and hear it together.
        """
        origin.paths.update(hostile_bodies())
        origin.answers = [head("404 Not Found")]  # segments
        return [
            self.repeat(path.strip("/"), origin.url(f"{path}?{number}"))
            for path in paths
            for number in range(AT_ONCE)
        ]


async def _pull_until_input_ends(
    server: str, key: str, seconds: float, paths: Collection[str]
) -> None:
    pulls = Pulls(server, key)
    async with run_raw_origin() as origin:
        pulling = pulls.all_of(origin, paths)
        await attack_until_input_ends(pulling, pulls.counts, seconds=seconds)


if __name__ == "__main__":
    _server, _key, _seconds, *_paths = sys.argv[1:]
    asyncio.run(_pull_until_input_ends(_server, _key, float(_seconds), _paths))
