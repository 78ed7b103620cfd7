"""What a program does to the world, seen from its system calls: whom it asks, what it writes.

strace watches, so nothing depends on an attempt's success: a look-up without a resolver, or a
connection without a route, is a call all the same. Processes that the program starts are watched
too, also those that leave its network.
"""

from __future__ import annotations

import ipaddress
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.parts.installed import PartMissing, find_part, need_part, skip_or_fail

_ASKING: Final = ("connect", "sendto", "sendmsg", "sendmmsg")
_MAKING: Final = ("mkdir", "mkdirat", "symlink", "symlinkat", "link", "linkat", "mknod", "mknodat")
_MOVING: Final = ("rename", "renameat", "renameat2")
_OPENING: Final = ("open", "openat", "openat2", "creat")
_UNSEEN: Final = ("io_uring_setup",)  # what goes through it, strace does not see
_TRACED: Final = (*_ASKING, *_MAKING, *_MOVING, *_OPENING, *_UNSEEN)

_CALL: Final = re.compile(r"(\w+)\((.*)\)\s+= (-?\d+|0x[0-9a-f]+|\?)(?:<(.*?)>)?(?: .*)?$")
_FAMILY: Final = re.compile(r"sa_family=AF_(\w+)")
_ADDRESS: Final = re.compile(r'(?:inet_addr\(|inet_pton\(AF_INET6, )"([^"]+)"')
_PORT: Final = re.compile(r"sin6?_port=htons\((\d+)\)")
_LAST_PATH: Final = re.compile(r'(?:(?:AT_FDCWD|\d+)<([^<>]*)>, )?"((?:[^"\\]|\\.)*)"[^"]*$')

_DOMAIN_PORT: Final = 53
# The system's library reads the file before it resolves any name, and may ask one of the sockets.
_RESOLVER_FILE: Final = '"/etc/resolv.conf"'
_RESOLVER_SOCKETS: Final = ("/nscd/socket", "/io.systemd.Resolve")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What a program and all that it started did, each thing once and in order."""

    strangers: tuple[str, ...]
    """Calls that ask somebody beyond loopback, or for a name: as strace wrote them."""
    written: tuple[Path, ...]
    """Files and folders that were made, moved to, or opened to be made if need be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A program to be watched: run `command`, then read its `trace`."""

    command: tuple[str, ...]
    notes: Path
    """The folder that strace writes to."""
    working_folder: Path

    def trace(self) -> Trace:
        """Return what was seen so far."""
        notes = [path.read_text("utf-8") for path in sorted(self.notes.iterdir())]
        assert any(notes), "strace has seen nothing"
        return read_trace("".join(notes).splitlines(), self.working_folder)


def watch(command: Sequence[str], notes: Path, *, working_folder: Path) -> Watched:
    """Return what runs `command`, which is to be started in `working_folder`.

    Signals are for its process group: strace ignores them, and ends with the program's exit code.
    """
    notes.mkdir()
    calls = ",".join(f"?{call}" for call in _TRACED)  # no machine has all of them
    # A file for each thread: in one file their calls would cut each other in two.
    strace = (find_part("strace"), "-ff", "--seccomp-bpf", "-qq", "-y", "-e", f"trace={calls}")
    return Watched(
        command=(*strace, "-o", f"{notes}/trace", *command),
        notes=notes,
        working_folder=working_folder,
    )


def need_system_calls(environment: Mapping[str, str] = os.environ) -> None:
    """Skip the test that calls this where nothing can be watched, or fail it, as `need_part`."""
    need_part("strace", environment=environment)
    with tempfile.TemporaryDirectory() as name:
        watched = watch(["true"], Path(name) / "notes", working_folder=Path(name))
        tried = subprocess.run(watched.command, capture_output=True, text=True, check=False)
    if tried.returncode:
        missing = PartMissing(f"strace may not watch here: {tried.stderr.strip()}")
        skip_or_fail(missing, environment)


def read_trace(lines: Iterable[str], working_folder: Path) -> Trace:
    """Read the output of strace."""
    strangers: dict[str, None] = {}
    written: dict[Path, None] = {}
    for line in lines:
        found = _CALL.match(line)
        if found is None:  # a signal, an exit, or a call that never came back
            continue
        call, arguments, result, opened = found.groups()
        if _is_stranger(call, arguments):
            strangers[line] = None
        if not result.startswith(("-", "?")):
            made = _made(call, arguments, opened)
            written |= {working_folder / path: None for path in made}
    return Trace(strangers=tuple(strangers), written=tuple(written))


def _is_stranger(call: str, arguments: str) -> bool:
    if call in _OPENING:
        return _RESOLVER_FILE in arguments
    if call not in _ASKING:
        return call in _UNSEEN
    families = _FAMILY.findall(arguments)  # none: the socket was connected before
    ports = map(int, _PORT.findall(arguments))
    return (
        any(family not in ("UNIX", "NETLINK", "UNSPEC", "INET", "INET6") for family in families)
        or not all(map(_is_loopback, _ADDRESS.findall(arguments)))
        or _DOMAIN_PORT in ports
        or any(name in arguments for name in _RESOLVER_SOCKETS)
    )


def _is_loopback(text: str) -> bool:
    address = ipaddress.ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _made(call: str, arguments: str, opened: str | None) -> list[Path]:
    if call in _OPENING:
        return [Path(opened)] if opened and (call == "creat" or "O_CREAT" in arguments) else []
    path = _LAST_PATH.search(arguments) if call in (*_MAKING, *_MOVING) else None
    return [] if path is None else [Path(path[1] or "") / path[2]]
