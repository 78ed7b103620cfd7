"""Show that a session outlives its server: two of them, speech at both, one killed in the middle.

Run it as `make demo-cluster`. It exits with 0 when both clients heard everything, else with the
reason. Both play the same recording in real time, each at a server of its own; the one that is
killed has no moment to say anything (`kill -9`). Its client comes back by itself, at the other
server, and gets from there what it has not had: nothing here helps it. The recording is played at
16 kHz, as browsers and microphones send it: then what goes on hears the same samples, and its text
is that of an undisturbed session to the letter. Where a server resamples several channels, or a
rate that no whole number leads to, a word near to another may come out otherwise.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
import wave
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scribewire.audio.local_decoder import read_audio
from scribewire.audio.pcm import encode_pcm
from scribewire.client import Client, ClientError, FinalResult, Reconnecting, connect
from scribewire.types import SAMPLE_RATE
from scripts.demo import (
    DemoError,
    Heard,
    Recording,
    Server,
    Speech,
    check,
    find_speech,
    read_announcement,
    read_recording,
    stop_server,
    summarize,
)

CLIENTS = ("A", "B")
MESSAGES_PER_S = 20
KILL_AT = 0.5  # of the recording
KNOWN_TIMEOUT_S = 20.0  # for the log to tell who serves whom


@dataclass
class Cluster:
    """Two servers that share a port, and what their log has told."""

    server: Server
    process: Process
    pids: dict[int, int] = field(default_factory=dict)
    """Of each server, by its number."""
    served_by: dict[str, list[int]] = field(default_factory=dict)
    """The servers that each session has been at, in order."""
    problems: list[str] = field(default_factory=list)
    """Lines that nobody expects."""
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def follow(self) -> None:
        """Read the log to its end."""
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            async with self.news:
                self._take(line.decode("utf-8", "replace"))
                self.news.notify_all()

    async def server_of(self, session_id: str, *, times: int = 1) -> int:
        """Return the number of the server that a session is at, once it was at so many."""
        served = self.served_by.setdefault(session_id, [])
        async with asyncio.timeout(KNOWN_TIMEOUT_S), self.news:
            await self.news.wait_for(lambda: len(served) >= times)
        return served[-1]

    def _take(self, line: str) -> None:
        try:
            told: dict[str, Any] = json.loads(line)
        except ValueError:
            self.problems.append(line.rstrip())
            return
        if told["event"] == "process_started":
            self.pids[told["number"]] = told["pid"]
        elif told["event"] == "opened":
            self.served_by.setdefault(told["session"], []).append(told["process"])
        if told["level"] in ("error", "critical"):
            self.problems.append(told["text"])


@dataclass
class Listener:
    """One client, what it heard, and how often it had to come back."""

    name: str
    heard: list[Heard] = field(default_factory=list)
    losses: int = 0
    session_id: asyncio.Future[str] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    async def listen(self, server: Server, recording: Recording) -> None:
        """Stream the recording in real time, and print every final."""
        connecting = connect(server.url, key=server.key, on_reconnecting=self._note_loss)
        async with connecting as client:
            self.session_id.set_result(client.session_id)
            sending = asyncio.create_task(_send(client, recording))
            try:
                await self._receive(client)
            finally:
                sending.cancel()

    async def _receive(self, client: Client) -> None:
        async for message in client:
            if isinstance(message, FinalResult):
                self.heard.append(Heard(message.text, 0.0, message.language))
                print(f"  {self.name}: {message.text}", flush=True)

    def _note_loss(self, attempt: Reconnecting) -> None:
        if attempt.attempt == 1:
            self.losses += 1
            print(f"  {self.name}: (its connection is gone; it comes back by itself)", flush=True)


async def _send(client: Client, recording: Recording) -> None:
    now = asyncio.get_running_loop().time
    began = now()
    for number, message in enumerate(recording.messages, start=1):
        await asyncio.sleep(max(0.0, began + number / MESSAGES_PER_S - now()))
        await client.send_audio(message)
    await client.stop()


@asynccontextmanager
async def running_cluster() -> AsyncIterator[Cluster]:
    """Run `scribewire serve --processes 2`, and end it with SIGTERM."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SCRIBEWIRE_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scribewire", "serve", "--port", "0", "--processes", "2"),
        *("--log-format", "json", "--max-final-latency-ms", "0"),
        stdout=PIPE,
        stderr=PIPE,
        env=environment,
    )
    assert process.stdout is not None
    cluster = Cluster(Server("", ""), process)
    following = asyncio.create_task(cluster.follow())
    try:
        cluster.server = await read_announcement(process.stdout)
        yield cluster
    finally:
        await stop_server(process)
        await following
        if process.returncode:
            print("\n".join(cluster.problems), file=sys.stderr)
    if process.returncode:
        raise DemoError(f"the servers ended with exit code {process.returncode}")


async def kill_in_the_middle(
    cluster: Cluster, recording: Recording, listeners: list[Listener]
) -> None:
    """Kill the server of the first listener, when half of the recording has been played."""
    sessions = [await one.session_id for one in listeners]
    places = [await cluster.server_of(one) for one in sessions]
    for listener, place in zip(listeners, places, strict=True):
        print(f"Client {listener.name} is at server {place}.")
    print(flush=True)
    await asyncio.sleep(recording.duration_ms / 1000 * KILL_AT)
    print(f"\nServer {places[0]} is killed (kill -9).\n", flush=True)
    os.kill(cluster.pids[places[0]], signal.SIGKILL)
    back_at = await cluster.server_of(sessions[0], times=2)
    print(f"  {listeners[0].name}: (is back, at server {back_at})", flush=True)


async def demonstrate(speech: Speech) -> list[Listener]:
    """Run the whole demonstration; return both clients with what they heard."""
    recording = read_recording(speech.recording)
    async with running_cluster() as cluster:
        listeners = [Listener(name) for name in CLIENTS]
        print(
            f"Two servers share {cluster.server.url}. Two clients play them {speech} in real "
            "time, both at once."
        )
        doing = [asyncio.create_task(one.listen(cluster.server, recording)) for one in listeners]
        doing.append(asyncio.create_task(kill_in_the_middle(cluster, recording, listeners)))
        try:
            await asyncio.gather(*doing)
        finally:
            for task in doing:
                task.cancel()
    return listeners


def play_at_16_khz(speech: Speech, folder: Path) -> Speech:
    """Return the same with its recording at the rate that is heard."""
    path = folder / speech.recording.name
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(b"".join(encode_pcm(one) for one in read_audio(speech.recording)))
    return replace(speech, recording=path)


def describe(listeners: list[Listener], speech: Speech) -> str:
    """Return what came of it. Raises DemoError where something is missing."""
    lines = []
    for one in listeners:
        summary = summarize(one.heard, speech, cpu_s=0.0, duration_ms=1)  # no times are told
        check(summary, speech)
        came_back = f", came back {one.losses} time" if one.losses else ", was never disturbed"
        lines.append(
            f"client {one.name}  {summary.finals} finals, {summary.words} words, word error "
            f"{summary.word_error:.1%} (against examples/{speech.text.name}){came_back}"
        )
    first, second = ([heard.text for heard in one.heard] for one in listeners)
    if first != second:
        raise DemoError(f"the clients heard different things: {first} and {second}")
    lines.append("Every final came, each once: both clients have the same text, word for word.")
    return "\n".join(lines)


def main() -> None:
    """Demonstrate, print the summary, and exit with the verdict."""
    try:
        with tempfile.TemporaryDirectory(prefix="scribewire-demo-") as folder:
            speech = play_at_16_khz(find_speech("en", Path(folder)), Path(folder))
            listeners = asyncio.run(demonstrate(speech))
            print(f"\n{describe(listeners, speech)}")
    except (DemoError, ClientError, OSError) as error:
        sys.exit(f"demo-cluster: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
