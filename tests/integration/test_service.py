"""The unit of systemd: what systemd says of it, and the server as the unit confines it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from typing import Final
from unittest import SkipTest

import pytest

from scribewire.client import FinalResult, connect
from scribewire.server.run import LONGEST_END_S
from scribewire.settings import Settings
from tests.parts.confined import CHECKOUT, USER
from tests.parts.installed import need_part
from tests.parts.origin import run_origin
from tests.parts.units import Unit

ROOT: Final = Path(__file__).parents[2]
UNIT: Final = ROOT / "deploy/scribewire.service"
CAP_SYS_ADMIN: Final = 21
ASSETS: Final = Path(str(distribution("moonshine-voice").locate_file("moonshine_voice/assets")))

# What is in reach of whoever takes over the server, one line for each try.
TRIES: Final = """
import ctypes, os, socket
print(os.getuid(), sorted(os.listdir("/dev")))
def attempt(what, do):
    try: do()
    except OSError as refusal: print(what, "no")
    else: print(what, "yes")
for path in ("/etc/x", "/usr/x", "/opt/scribewire/x", "/var/lib/x", "/var/lib/scribewire/x",
             "/var/cache/scribewire/x", "/tmp/x"):
    attempt("write " + path, lambda: open(path, "w"))
for path in ("/root", "/home", "/etc"):
    attempt("list " + path, lambda: os.listdir(path))
for family in ("INET", "INET6", "UNIX", "NETLINK", "PACKET"):
    attempt(family, lambda: socket.socket(socket.AddressFamily["AF_" + family], socket.SOCK_DGRAM))
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    if getattr(libc, name)(*arguments): raise OSError
attempt("mount", lambda: call("mount", b"none", b"/tmp", b"tmpfs", 0, None))
attempt("ptrace", lambda: call("ptrace", 0, 0, 0, 0))
attempt("setuid", lambda: os.setuid(0))
attempt("kill", lambda: os.kill(1, 0))
attempt("mounts of its own", lambda: call("unshare", 0x20000))
attempt("network of its own", lambda: call("unshare", 0x50000000))
"""
IN_REACH: Final = f"""\
{USER} ['full', 'null', 'random', 'shm', 'tty', 'urandom', 'zero']
write /etc/x no
write /usr/x no
write /opt/scribewire/x no
write /var/lib/x no
write /var/lib/scribewire/x yes
write /var/cache/scribewire/x yes
write /tmp/x yes
list /root no
list /home no
list /etc yes
INET yes
INET6 yes
UNIX yes
NETLINK no
PACKET no
mount no
ptrace no
setuid no
kill no
mounts of its own no
network of its own yes
"""


def analyze(*arguments: str) -> str:
    need_part("systemd-analyze")
    command = ["systemd-analyze", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout + done.stderr


def need_rights() -> None:
    found = re.search(r"^CapEff:\s*(\w+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    if found is None or not int(found[1], 16) & 1 << CAP_SYS_ADMIN:
        raise SkipTest("only who may mount can confine")


@pytest.fixture
def unit() -> Unit:
    return Unit.read(UNIT.read_text())


def test_systemd_knows_each_of_its_options(unit: Unit, tmp_path: Path) -> None:
    program = unit.value("ExecStart").split()[0]
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace(program, sys.executable))

    assert analyze("verify", "--man=no", str(copy)) == ""


def test_its_exposure_is_what_the_documentation_says() -> None:
    if not analyze("--version").startswith("systemd 252"):
        raise SkipTest("other versions weigh otherwise")
    report = analyze("security", "--offline=yes", "--no-pager", str(UNIT))
    found = re.search(r"Overall exposure level for \S+: (\S+)", report)
    stated = re.search(r"exposure level (\d\.\d)", (ROOT / "docs/deployment.md").read_text())

    assert found is not None
    assert stated is not None
    assert found[1] == stated[1]


def test_it_waits_for_the_last_finals_and_keeps_the_decoders_until_then(unit: Unit) -> None:
    longest_s = Settings.model_fields["drain_timeout_ms"].default / 1000 + LONGEST_END_S
    documented = re.search(r"--stop-timeout (\d+)", (ROOT / "docs/deployment.md").read_text())

    assert documented is not None
    assert int(unit.value("TimeoutStopSec")) == int(documented[1]) >= longest_s
    assert unit.value("KillMode") == "mixed"
    assert unit.value("OOMPolicy") == "continue"
    assert Path(unit.value("ExecStart").split()[0]).is_relative_to(CHECKOUT)


@dataclass(frozen=True)
class Confined:
    """Runs Python as the unit does, with folders of its own."""

    state: Path
    cache: Path

    def command(self, *arguments: str) -> list[str]:
        module = (sys.executable, "-m", "tests.parts.confined")
        return [*module, str(UNIT), str(self.state), str(self.cache), *arguments]

    def run(self, *arguments: str) -> tuple[str, str]:
        """Return what it says on both outputs."""
        command = self.command(*arguments)
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
        return done.stdout, done.stderr


@pytest.fixture
def confined(tmp_path: Path) -> Confined:
    """Have the models that this run of the tests has made."""
    if sys.platform != "linux":
        raise SkipTest("units are for Linux")
    need_rights()
    need_part("systemd-analyze")
    found = Confined(tmp_path / "state", tmp_path / "cache")
    found.state.mkdir()
    made = Path(os.environ["XDG_CACHE_HOME"]) / "scribewire"
    if made.is_dir():
        shutil.copytree(made, found.cache)
    found.cache.mkdir(exist_ok=True)
    for path in (found.cache, *found.cache.rglob("*")):
        os.chown(path, USER, USER)
    return found


@pytest.mark.slow  # starts Python twice
def test_who_takes_over_the_server_reaches_its_own_folders_alone(confined: Confined) -> None:
    assert confined.run("-c", TRIES) == (IN_REACH, "")


@contextlib.asynccontextmanager
async def serving(confined: Confined, log: Path) -> AsyncIterator[tuple[Process, str]]:
    """Run the server as the unit does; give its process and its address."""
    serve = ("-m", "scribewire", "serve", "--port", "0", "--allow-source", "127.0.0.1")
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *confined.command(*serve), cwd=ROOT, stdin=DEVNULL, stdout=PIPE, stderr=file
        )
    assert process.stdout is not None
    try:
        line = (await process.stdout.readline()).decode()
        assert line.startswith("listening: "), f"see {log}"
        yield process, line.split()[1]
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def hear(address: str, key: str, language: str) -> str:
    async with connect(address, key=key, language=language) as client:
        await client.send_audio((ASSETS / "beckett.wav").read_bytes()[: 2 * 16_000 * 3])
        await client.stop()
        return " ".join([one.text async for one in client if isinstance(one, FinalResult)])


async def hear_url(address: str, key: str, url: str) -> str:
    async with connect(address, key=key, url=url) as client:
        return " ".join([one.text async for one in client if isinstance(one, FinalResult)])


def network(pid: int) -> str:
    return str(Path(f"/proc/{pid}/ns/net").readlink())


def networks_below(pid: int) -> set[str]:
    """Return the networks of the processes that `pid` has started, and of those below them."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):  # it has ended
            parent = re.search(r"^PPid:\s*(\d+)", status.read_text(), re.MULTILINE)
            parents[int(status.parent.name)] = int(parent[1]) if parent else 0
    below = [child for child, parent in parents.items() if parent == pid]
    found = {network(child) for child in below}
    return found.union(*(networks_below(child) for child in below))


@pytest.mark.slow  # loads both engines
async def test_confined_it_keeps_keys_hears_both_engines_and_decodes_urls_without_a_network(
    confined: Confined, tmp_path: Path
) -> None:
    said, fault = confined.run("-m", "scribewire", "keys", "create", "lobby", "--format", "json")
    assert fault == ""
    key = json.loads(said)["key"]

    log = tmp_path / "log"
    async with run_origin(ASSETS) as origin, serving(confined, log) as (process, address):
        texts = await asyncio.gather(
            hear(address, key, "en"),
            hear(address, key, "nl"),
            hear_url(address, key, origin.url("/beckett.wav")),
        )
        others = networks_below(process.pid) - {network(process.pid)}
        process.terminate()
        code = await process.wait()

    assert all("Ever" in text for text in texts), (texts, f"see {log}")
    assert (len(others), code) == (1, 0)
