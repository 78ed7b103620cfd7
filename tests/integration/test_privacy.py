"""Nothing leaves the machine: every command runs, and strace tells whom it asked, what it wrote.

All of them run once, on one machine with one server, and the tests look at what they did. The
server stays until the others have ended, so that what reports home seconds after it was loaded is
seen too.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import typer.main

from scribewire.cli.app import app
from scribewire.cli.exits import ExitCode
from scribewire.cli.keys import keys
from scribewire.cli.sessions import sessions
from scribewire.engines.whisper.family import WHISPER, WHISPER_BASE
from tests.parts.installed import need_part
from tests.parts.multilingual import need_whisper
from tests.parts.nats_server import run_nats
from tests.parts.origin import run_origin
from tests.parts.programs import wait_until
from tests.parts.system_calls import Trace, Watched, need_system_calls, watch
from tests.parts.tiny_whisper import build
from tests.parts.wav import wav

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

KEY: Final = "a-key-of-the-test"
SCRIBEWIRE: Final = (sys.executable, "-m", "scribewire")
COMMANDS: Final = frozenset(typer.main.get_group(app).commands)
KEY_COMMANDS: Final = frozenset(typer.main.get_group(keys).commands)
SESSION_COMMANDS: Final = frozenset(typer.main.get_group(sessions).commands)
AT_ONCE: Final = 2  # more would only wait for the same cores
BENCH_PATIENCE_S: Final = 60.0  # it starts a server of its own, beside the others
HEARD: Final = "Ever tried."
DUTCH: Final = "client in Dutch"

IMPORT_EVERYTHING: Final = """
import importlib, pkgutil, scribewire
for module in pkgutil.walk_packages(scribewire.__path__, "scribewire."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""
SHOW_EVERY_PAGE: Final = f"""
import contextlib
from scribewire.cli import main
for arguments in (["--version"], ["--help"], *([name, "--help"] for name in {sorted(COMMANDS)})):
    with contextlib.suppress(SystemExit):
        main(arguments)
"""
USE_KEYS: Final = """
import contextlib, io, json
from scribewire.cli import main
def run(command, *arguments):
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            main(["keys", command, *arguments, "--format", "json"])
    except SystemExit as end:
        assert end.code == 0, command
    print(command)
    return json.loads(said.getvalue())
key_id = run("create", "lobby")["id"]
run("list")
run("change", key_id, "--max-sessions", "2")
for command in ("show", "usage", "rotate", "revoke"):
    run(command, key_id)
"""
USE_SESSIONS: Final = """
import contextlib, io, json, sys
from scribewire.cli import main
def run(command, *arguments):
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            main(["sessions", command, *arguments, "--journal", sys.argv[1], "--format", "json"])
    except SystemExit as end:
        assert end.code == 0, command
    print(command)
    return json.loads(said.getvalue())
for one in run("list")["sessions"][:1]:
    assert run("export", one["id"])["finals"]
"""
# As a server does with --engine-socket.
ASK_THE_ENGINE: Final = """
import sys
from pathlib import Path
from scribewire.engines.on_demand import load_engine
from scribewire.models.cache import ModelCache
from scribewire.runtime.self_measurement import measure_costs
from scribewire.runtime.shared_engine.engines import shared_engines
from scribewire.runtime.shared_engine.link import EngineLink
from scribewire.settings import Settings
engines = shared_engines(
    Settings(languages=("en",)), ModelCache(), EngineLink(Path(sys.argv[1]))
)
load_engine(engines.speech[0])
print(len(measure_costs(engines)))
engines.close()
"""
# As `transcribe mic` does it, but for the recording.
FIND_A_MICROPHONE: Final = """
import contextlib
from scribewire.cli.exits import CommandFault
from scribewire.cli.microphone import open_microphone
with contextlib.suppress(CommandFault):
    open_microphone()
"""
USE_THE_CLIENT: Final = """
import sys
from pathlib import Path
from scribewire.client import FinalResult
from scribewire.client.blocking import connect
with connect(sys.argv[1], key=sys.argv[2], language=sys.argv[4]) as client:
    client.send_audio(Path(sys.argv[3]).read_bytes())
    client.stop()
    print([message.text for message in client if isinstance(message, FinalResult)])
"""
# What runs Whisper, by itself; it prints what it loads of those that ask a model hub.
RUN_CTRANSLATE2: Final = """
import sys
import ctranslate2
import numpy as np
whisper = ctranslate2.models.Whisper(sys.argv[1], compute_type="int8", intra_threads=1)
features = ctranslate2.StorageView.from_array(np.zeros((1, 80, 600), np.float32))
encoded = whisper.encode(features)
whisper.detect_language(encoded)
whisper.generate(encoded, [["<|startoftranscript|>", "<|nl|>", "<|transcribe|>"]], max_length=9)
print({"huggingface_hub", "transformers", "faster_whisper"} & set(sys.modules))
"""


@dataclass
class Machine:
    """A user's machine on the first day: nothing in the home, and no variable of ours."""

    folder: Path
    watched: dict[str, Watched] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    def __post_init__(self) -> None:
        self.home.mkdir()
        self.temporary.mkdir()

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def cache(self) -> Path:
        return self.home / ".cache/scribewire"

    @property
    def database(self) -> Path:
        return self.home / ".local/share/scribewire/keys.sqlite3"

    @property
    def journal(self) -> Path:
        return self.home / "journal"

    @property
    def engine_socket(self) -> Path:
        return self.folder / "held" / "socket"

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    async def start(self, name: str, command: Sequence[str]) -> Process:
        self.watched[name] = watch(command, self.folder / name, working_folder=self.home)
        home, temporary = str(self.home), str(self.temporary)
        return await asyncio.create_subprocess_exec(
            *self.watched[name].command,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            cwd=self.home,
            env={"PATH": os.environ["PATH"], "HOME": home, "TMPDIR": temporary},
            start_new_session=True,
        )

    async def run(self, name: str, *command: str) -> None:
        """Keep what it said. It must succeed."""
        async with self.turns:
            process = await self.start(name, command)
            output, log = await process.communicate()
        assert process.returncode == ExitCode.DONE, (output + log).decode()
        self.said[name] = output.decode()

    async def interrupt_bench(self) -> None:
        """Run it until its first client speaks: the whole would take minutes."""
        async with self.turns:
            process = await self.start("bench", (*SCRIBEWIRE, "bench"))
            notes = self.watched["bench"].notes

            async def speaks() -> bool:
                assert process.returncode is None
                return any("sa_family=AF_INET," in note.read_text() for note in notes.iterdir())

            await wait_until(
                speaks, what=lambda: "no client of bench connects", patience_s=BENCH_PATIENCE_S
            )
            os.killpg(process.pid, signal.SIGINT)
            _, log = await process.communicate()
        assert process.returncode == ExitCode.INTERRUPTED, log.decode()

    @asynccontextmanager
    async def serve(self, nats: str) -> AsyncIterator[str]:
        """Give the address of a server that lets everybody in, and pulls from this machine.

        It has keys of both kinds, follows the database that `keys` writes, and is one of a cluster.
        """
        keys = ("--key", KEY, "--database", f"sqlite:///{self.database}")
        options = ("--max-final-latency-ms", "0", "--allow-source", "127.0.0.1", "--port", "0")
        journal = ("--journal", str(self.journal))
        shared = (*journal, "--cluster", nats)
        process = await self.start("serve", (*SCRIBEWIRE, "serve", *keys, *options, *shared))
        assert process.stdout is not None
        try:
            line = (await process.stdout.readline()).decode()
            listening = re.search(r"listening: (ws://\S+)", line)
            assert listening is not None
            yield listening[1]
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGTERM)
            _, log = await process.communicate()
        assert process.returncode == ExitCode.DONE, log.decode()

    @asynccontextmanager
    async def hold_models(self) -> AsyncIterator[None]:
        """Run an engine process, until the context is left."""
        socket = ("--socket", str(self.engine_socket), "--languages", "en")
        process = await self.start("engine", (*SCRIBEWIRE, "engine", *socket))
        assert process.stdout is not None
        try:
            line = (await process.stdout.readline()).decode()
            assert line == f"listening: {self.engine_socket}\n"
            yield
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGTERM)
            _, log = await process.communicate()
        assert process.returncode == ExitCode.DONE, log.decode()

    @cached_property
    def traces(self) -> dict[str, Trace]:
        """What each program did, once all have ended."""
        return {name: watched.trace() for name, watched in self.watched.items()}

    def strangers(self) -> dict[str, tuple[str, ...]]:
        """Return whom each program asked beyond this machine."""
        return {name: trace.strangers for name, trace in self.traces.items() if trace.strangers}

    def written_elsewhere(self) -> dict[str, list[Path]]:
        """Return what each program wrote outside the cache and the temporary folder."""
        elsewhere = {
            name: [path for path in trace.written if not self._may_write(name, path)]
            for name, trace in self.traces.items()
        }
        return {name: paths for name, paths in elsewhere.items() if paths}

    def _may_write(self, name: str, path: Path) -> bool:
        folder = self.database.parent
        of_keys = (folder.parent.parent, folder.parent, folder)
        return (
            (
                name.split(maxsplit=1)[0] in ("keys", "serve")
                and (path in of_keys or path.is_relative_to(folder))
            )
            or (
                name.split(maxsplit=1)[0] in ("serve", "sessions")
                and (path == self.journal or path.is_relative_to(self.journal))
            )
            or (name == "engine" and path in (self.engine_socket, self.engine_socket.parent))
            or path in (self.cache.parent, Path(os.devnull))
            or path.is_relative_to(self.cache)
            or path.is_relative_to(self.temporary)
            or "__pycache__" in path.parts  # Python's own, beside the installed code
            or path.match("/proc/*/autogroup")  # how much of the cores decoders get
            or str(path).startswith("/dev/shm/jack")  # noqa: S108 - PortAudio looks for JACK
        )


async def use_everything(machine: Machine, pcm: bytes) -> None:
    """Run every command, the client in two languages, and what is loaded by them."""
    python = (sys.executable, "-c")
    talk = machine.folder / "talk.wav"
    talk.write_bytes(wav(pcm))
    whisper = str(build(machine.folder / "whisper"))
    without_models = asyncio.gather(  # while the server prepares them
        machine.run("modules", *python, IMPORT_EVERYTHING),
        machine.run("pages", *python, SHOW_EVERY_PAGE),
        machine.run("microphone", *python, FIND_A_MICROPHONE),
        machine.run("CTranslate2", *python, RUN_CTRANSLATE2, whisper),
    )
    async with (
        run_origin(machine.folder) as origin,
        run_nats(machine.folder / "nats") as nats,
        machine.serve(nats.url) as server,
    ):
        await without_models
        await machine.run("keys create", *SCRIBEWIRE, "keys", "create", "operator", "--admin")
        transcribe, by_server = (*SCRIBEWIRE, "transcribe"), ("--server", server, "--key", KEY)
        url = origin.url(talk.name)
        use_the_client = (*python, USE_THE_CLIENT, server, KEY, str(talk))
        in_dutch = []
        if WHISPER.why_missing(WHISPER_BASE, None) is None:
            in_dutch.append(machine.run(DUTCH, *use_the_client, "nl"))
        await asyncio.gather(  # the longest first
            machine.interrupt_bench(),
            *in_dutch,
            machine.run("transcribe a file", *transcribe, str(talk)),
            machine.run("doctor", *SCRIBEWIRE, "doctor"),
            machine.run("keys", *python, USE_KEYS),
            machine.run("probe", *SCRIBEWIRE, "probe", url),
            machine.run("transcribe a file by a server", *transcribe, str(talk), *by_server),
            machine.run("transcribe a URL by a server", *transcribe, url, *by_server),
            machine.run("client", *use_the_client, "en"),
            machine.run("cluster", *SCRIBEWIRE, "cluster", "status", "--cluster", nats.url),
        )
        async with machine.hold_models():
            await machine.run("shared", *python, ASK_THE_ENGINE, str(machine.engine_socket))
        await machine.run("sessions", *python, USE_SESSIONS, str(machine.journal))
        # The server has taken the key by now; it goes down by that.
        operator = machine.said["keys create"].split()[1]
        await machine.run("drain", *SCRIBEWIRE, "drain", server, "--key", operator)


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory, speech: bytes) -> Machine:
    """A machine on which everything has run."""
    need_system_calls()
    need_part("nats-server")
    machine = Machine(tmp_path_factory.mktemp("machine"))
    asyncio.run(use_everything(machine, speech[: 5 * 32_000]))
    return machine


@pytest.mark.slow
def test_no_command_reaches_beyond_the_machine_or_writes_outside_its_cache(used: Machine) -> None:
    hearing = [name for name in used.said if name.startswith("transcribe ") or name == "client"]

    assert len(hearing) == 4
    assert [used.said[name] for name in hearing if HEARD not in used.said[name]] == []
    assert set(used.said["keys"].split()) == KEY_COMMANDS
    assert set(used.said["sessions"].split()) == SESSION_COMMANDS
    assert all(used.database in used.traces[name].written for name in ("keys", "serve"))
    assert len(used.said["cluster"].splitlines()) == 2  # a head, and the server
    assert used.said["CTranslate2"] == "set()\n"
    assert used.said["shared"] == "1\n"
    assert {name.split()[0] for name in used.watched} >= COMMANDS
    assert (used.strangers(), used.written_elsewhere()) == ({}, {})
    assert list(used.temporary.iterdir()) == []


@pytest.mark.slow
def test_a_session_in_dutch_reaches_nobody_and_writes_into_the_cache_alone(used: Machine) -> None:
    need_whisper()

    assert DUTCH in used.said
    assert len(list(used.cache.glob("whisper-base-*/model.bin"))) == 1
    assert (used.strangers(), used.written_elsewhere()) == ({}, {})
    assert list(used.temporary.iterdir()) == []
