"""Sessions that have started and say nothing: what each of them costs."""

from __future__ import annotations

import asyncio
import resource
from dataclasses import dataclass

from bench.live_runs import Conditions
from bench.live_speech import Speeches
from scribewire.capacity.load import hold_idle, push
from scribewire.capacity.server_process import run_server_process

WATCHED_S = 10.0
SPARE_FILES = 200  # that either process has open besides its sockets


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleRun:
    """A server with idle sessions, after it has recognized something."""

    sessions: int
    """That were accepted."""
    rss_before_bytes: int
    rss_bytes: int
    """With all of them open, for a while."""
    rss_after_bytes: int
    """When they had left."""
    cpu_share: float
    """Of one core, while they were open."""

    @property
    def bytes_per_session(self) -> float:
        """How much memory each of them took."""
        return (self.rss_bytes - self.rss_before_bytes) / max(1, self.sessions)


async def run_idle(sessions: int, speeches: Speeches, conditions: Conditions) -> IdleRun:
    """Hold so many idle sessions for ten seconds."""
    _allow_files(sessions + SPARE_FILES)
    (speech,) = speeches.first(1)
    async with run_server_process(conditions.environment) as server:
        await push(server.target, speech.pcm)
        before = await server.usage()
        async with hold_idle(server.target, sessions) as held:
            settled = await server.usage()
            await asyncio.sleep(WATCHED_S)
            watched = await server.usage()
        after = await server.usage()
    return IdleRun(
        sessions=held,
        rss_before_bytes=before.rss_bytes,
        rss_bytes=watched.rss_bytes,
        rss_after_bytes=after.rss_bytes,
        cpu_share=(watched.cpu_s - settled.cpu_s) / WATCHED_S,
    )


def format_idle(run: IdleRun) -> str:
    """Return the sentence that says it all."""
    return (
        f"idle: {run.sessions} sessions held; {run.bytes_per_session / 1e6:.3f} MB each "
        f"(RSS {run.rss_before_bytes / 1e6:.0f} to {run.rss_bytes / 1e6:.0f} MB, "
        f"{run.rss_after_bytes / 1e6:.0f} when they had left); {run.cpu_share:.1%} of a core"
    )


def _allow_files(count: int) -> None:
    """Raise the number of files that this process, and so the server, may open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise ValueError(f"{count} open files are needed, the system allows {hard} (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
