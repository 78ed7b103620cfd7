# ruff: noqa: E501 - lines are as long as strace makes them
from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from unittest import SkipTest

import pytest

from tests.parts.installed import NEEDS_PARTS, PartMissing
from tests.parts.system_calls import Trace, need_system_calls, read_trace, watch

HERE = Path("/desk")

# As strace writes them.
STRANGERS = [
    'connect(3<socket:[1]>, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("192.0.2.7")}, 16) = -1 ENETUNREACH (Network is unreachable)',
    'connect(3<socket:[1]>, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("192.0.2.7")}, 16) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)',
    'connect(3<socket:[1]>, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("192.0.2.7")}, 16 <unfinished ...>) = ?',
    'connect(3<socket:[1]>, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "2001:db8::1", &sin6_addr), sin6_scope_id=0}, 28) = -1 EINPROGRESS (Operation now in progress)',
    'connect(3<socket:[1]>, {sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::ffff:192.0.2.7", &sin6_addr), sin6_scope_id=0}, 28) = 0',
    'sendto(3<socket:[1]>, "hello", 5, 0, {sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("192.0.2.7")}, 16) = 5',
    'sendmsg(3<socket:[1]>, {msg_name={sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("192.0.2.7")}, msg_namelen=16, msg_iov=[{iov_base="x", iov_len=1}], msg_iovlen=1, msg_controllen=0, msg_flags=0}, 0) = 1',
    'sendmmsg(3<socket:[1]>, [{msg_hdr={msg_name={sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("127.0.0.1")}, msg_namelen=16}, msg_len=1}, {msg_hdr={msg_name={sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("192.0.2.7")}, msg_namelen=16}, msg_len=1}], 2, 0) = 2',
    'connect(3<socket:[1]>, {sa_family=AF_BLUETOOTH, sa_data="x"}, 14) = -1 EACCES (Permission denied)',
    # Look-ups, also of a resolver on this machine.
    'connect(3<socket:[1]>, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("127.0.0.53")}, 16) = 0',
    'connect(3<socket:[1]>, {sa_family=AF_UNIX, sun_path="/var/run/nscd/socket"}, 110) = -1 ENOENT (No such file or directory)',
    'connect(3<socket:[1]>, {sa_family=AF_UNIX, sun_path="/run/systemd/resolve/io.systemd.Resolve"}, 42) = 0',
    'openat(AT_FDCWD</desk>, "/etc/resolv.conf", O_RDONLY|O_CLOEXEC) = 3</etc/resolv.conf>',
    # What cannot be watched.
    "io_uring_setup(8, {flags=0, sq_thread_cpu=0}) = 3",
]
NEIGHBOURS = [
    'connect(3<socket:[1]>, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("127.0.0.1")}, 16) = 0',
    'connect(3<socket:[1]>, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::1", &sin6_addr), sin6_scope_id=0}, 28) = 0',
    'connect(3<socket:[1]>, {sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::ffff:127.0.0.1", &sin6_addr), sin6_scope_id=0}, 28) = 0',
    'connect(3<socket:[1]>, {sa_family=AF_UNIX, sun_path="/run/user/0/pulse/native"}, 110) = 0',
    'sendto(3<socket:[1]>, "hello", 5, MSG_NOSIGNAL, NULL, 0) = 5',
    "sendto(3<socket:[1]>, [{nlmsg_len=20, nlmsg_type=RTM_GETADDR}, {ifa_family=AF_UNSPEC}], 20, 0, {sa_family=AF_NETLINK, nl_pid=0, nl_groups=00000000}, 12) = 20",
    'openat(AT_FDCWD</desk>, "/etc/hosts", O_RDONLY|O_CLOEXEC) = 3</etc/hosts>',
    "--- SIGTERM {si_signo=SIGTERM, si_code=SI_USER, si_pid=1, si_uid=0} ---",
    "+++ exited with 0 +++",
]
WRITTEN = {
    'openat(AT_FDCWD</desk>, "a", O_WRONLY|O_CREAT|O_CLOEXEC, 0666) = 3</desk/a>': "/desk/a",
    'openat(4</home>, "a", O_WRONLY|O_CREAT|O_EXCL, 0600) = 7</home/a>': "/home/a",
    'creat("a", 0666) = 3</desk/a>': "/desk/a",
    'mkdir("/home/a", 0777) = 0': "/home/a",
    'mkdir("a", 0777) = 0': "/desk/a",
    'mkdirat(4</home>, "a", 0777) = 0': "/home/a",
    'rename("/desk/a", "/home/b") = 0': "/home/b",
    'renameat2(AT_FDCWD</desk>, "a", 4</home>, "b c", RENAME_NOREPLACE) = 0': "/home/b c",
    'symlink("/desk/a", "/home/b") = 0': "/home/b",
    'linkat(AT_FDCWD</desk>, "/desk/a", AT_FDCWD</desk>, "b", 0) = 0': "/desk/b",
    'mknod("/home/pipe", S_IFIFO|0600) = 0': "/home/pipe",
}
UNWRITTEN = [
    'openat(AT_FDCWD</desk>, "a", O_RDONLY|O_CLOEXEC) = 3</desk/a>',
    'openat(AT_FDCWD</desk>, "a", O_WRONLY|O_CREAT, 0666) = -1 EROFS (Read-only file system)',
    'openat(AT_FDCWD</desk>, "/tmp", O_RDWR|O_EXCL|O_TMPFILE, 0600) = 3</tmp/#1 (deleted)>',
    'mkdir("/home/a", 0777) = -1 EEXIST (File exists)',
]


@pytest.mark.parametrize("line", STRANGERS)
def test_whoever_is_asked_beyond_loopback_is_a_stranger(line: str) -> None:
    assert read_trace([line, line], HERE) == Trace(strangers=(line,), written=())


@pytest.mark.parametrize("line", NEIGHBOURS)
def test_whoever_is_on_this_machine_is_none(line: str) -> None:
    assert read_trace([line], HERE) == Trace(strangers=(), written=())


@pytest.mark.parametrize(("line", "path"), WRITTEN.items())
def test_what_is_made_or_moved_is_written(line: str, path: str) -> None:
    assert read_trace([line], HERE) == Trace(strangers=(), written=(Path(path),))


@pytest.mark.parametrize("line", UNWRITTEN)
def test_what_is_read_or_fails_is_not_written(line: str) -> None:
    assert read_trace([line], HERE) == Trace(strangers=(), written=())


LOOK_UP = "import socket; socket.getaddrinfo('localhost', 443)"
# None of them puts anything on the network: a datagram socket connects without a packet, and
# localhost is in a file.
ATTEMPTS = {
    "connection": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('192.0.2.7', 443))",
    "look-up by a child": f'subprocess.run([sys.executable, "-c", "{LOOK_UP}"])',
    "look-up without a network": f"sandbox.isolate(); {LOOK_UP}",
}


@pytest.mark.slow
@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
def test_an_attempt_is_seen_whatever_comes_of_it(attempt: str, tmp_path: Path) -> None:
    need_system_calls()
    program = (
        "import contextlib, socket, subprocess, sys\nfrom scribewire.audio import sandbox\n"
        f"open('secret', 'w')\nwith contextlib.suppress(OSError):\n    {attempt}"
    )
    command = [sys.executable, "-c", program]
    watched = watch(command, tmp_path / "notes", working_folder=tmp_path)

    subprocess.run(watched.command, check=True, cwd=tmp_path)

    trace = watched.trace()
    assert re.search("192.0.2.7|/etc/resolv.conf", "\n".join(trace.strangers))
    assert tmp_path / "secret" in trace.written


@pytest.fixture
def blind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an strace that may not watch, as in a container that forbids it."""
    program = tmp_path / "strace"
    program.write_text("#!/bin/sh\necho 'ptrace: not permitted' >&2\nexit 1\n", "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("blind")
@pytest.mark.parametrize(
    ("environment", "raised"), [({}, SkipTest), ({NEEDS_PARTS: "1"}, PartMissing)]
)
def test_where_nothing_can_be_watched_the_test_says_so(
    environment: dict[str, str], raised: type[Exception]
) -> None:
    with pytest.raises(raised, match="strace may not watch here: ptrace: not permitted"):
        need_system_calls(environment)
