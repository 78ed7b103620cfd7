"""Each case gives up its own process: nothing given up here comes back."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

PREAMBLE = """
import os, signal, socket, sys
from scribewire.audio.sandbox import CpuBudget, isolate, limit_resources
"""


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PREAMBLE + program, *arguments],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.slow
def test_an_isolated_process_reaches_nobody() -> None:
    program = """
is_isolated = isolate() if sys.argv[2] == "isolated" else False
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=10)
except OSError:
    print(is_isolated, "refused")
else:
    print(is_isolated, "connected")
"""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        free, isolated = (run(program, port, how).stdout.split() for how in ("free", "isolated"))

    assert free == ["False", "connected"]
    # Where the kernel does not permit it, the process says so and goes on.
    assert isolated in (["True", "refused"], ["False", "connected"])


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities are a thing of Linux")
@pytest.mark.slow
def test_no_privilege_is_left() -> None:
    program = """
isolate()
print(*[line for line in open("/proc/self/status") if line.startswith(("CapEff", "NoNewPrivs"))])
"""
    assert run(program).stdout.split() == ["CapEff:", "0" * 16, "NoNewPrivs:", "1"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows memory as a file")
@pytest.mark.slow
def test_those_forked_from_an_isolated_process_cannot_look_into_each_other() -> None:
    program = """
if sys.argv[1] == "isolated":
    isolate()
reading, writing = os.pipe()
pid = os.fork()
if pid == 0:
    os.close(writing)
    os.read(reading, 1)
    os._exit(0)
try:
    open(f"/proc/{pid}/mem", "rb").close()
except PermissionError:
    print("refused")
else:
    print("opened")
os.close(writing)
os.waitpid(pid, 0)
"""
    found = [run(program, how).stdout.strip() for how in ("free", "isolated")]

    assert found == ["opened", "refused"]


@pytest.mark.parametrize("attempt", ["os.open('/', 0)", "socket.socket()", "os.pipe()"])
@pytest.mark.slow
def test_a_limited_process_opens_nothing(attempt: str) -> None:
    program = f"""
limit_resources(1 << 30)
try:
    {attempt}
except OSError as error:
    print(error.errno)
"""
    assert run(program).stdout == "24\n"  # too many open files


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not keep to this limit")
@pytest.mark.slow
def test_memory_has_an_end() -> None:
    program = """
limit_resources(1 << 30)
try:
    bytearray(1 << 30)
except MemoryError:
    print("no more")
"""
    assert run(program).stdout == "no more\n"


@pytest.mark.slow
def test_a_process_without_progress_is_ended() -> None:
    ended = run("CpuBudget(0)\nwhile True: pass")

    assert ended.returncode == -24  # SIGXCPU


@pytest.mark.slow
def test_progress_moves_the_limit_on() -> None:
    ended = run("""
import time
budget = CpuBudget(1)
while time.process_time() < 3:
    budget.renew()
print("alive")
""")
    assert ended.stdout == "alive\n"
