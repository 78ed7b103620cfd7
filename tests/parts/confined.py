"""Run Python as systemd would run it by our unit, where no systemd runs: needs root and Linux.

    python -m tests.parts.confined UNIT STATE CACHE ARGUMENT...

Theory of operation. The options of the unit are carried out one by one with the calls that systemd
makes: folders in a namespace of mounts, a user of its own in a namespace of users without
capabilities, limits, and seccomp filters by libseccomp. Not carried out are those that nothing here
could notice: control groups (memory, tasks, devices), the journal, host names, the clock, keys of
the kernel, and the bits of set-uid files.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import resource
import shutil
import socket
import struct
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tests.parts.units import Unit, allowed_calls

USER: Final = 61_184
"""The first of those that systemd gives to `DynamicUser=`."""
CHECKOUT: Final = Path("/opt/scribewire")
_STATE, _CACHE = Path("/var/lib"), Path("/var/cache")
# This Python may be in a home, where nobody looks.
_PYTHON, _PACKAGES = Path("/opt/python"), Path("/opt/packages")

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_BIND, _REC, _SLAVE = 0x1000, 0x4000, 0x80000  # MS_* of mount(2)
_NOSUID, _NODEV, _NOEXEC = 0x2, 0x4, 0x8
_MOUNT_SETATTR, _HERE, _RECURSIVE, _READ_ONLY = 442, -100, 0x8000, 0x1  # of mount_setattr(2)
_NAMESPACES: Final = {
    "cgroup": 0x0200_0000,
    "ipc": 0x0800_0000,
    "net": 0x4000_0000,
    "mnt": 0x0002_0000,
    "pid": 0x2000_0000,
    "user": 0x1000_0000,
    "uts": 0x0400_0000,
}
_DUMPABLE, _DROP_BOUND, _NO_NEW_PRIVILEGES = 4, 24, 38  # of prctl(2)
_CAPABILITIES_VERSION = 0x2008_0522  # of capset(2)
_DEVICES: Final = ("null", "zero", "full", "random", "urandom", "tty")


def main(unit_file: str, state: str, cache: str, *arguments: str) -> None:
    """Become Python with these arguments, confined; it finds the packages of this one."""
    unit = Unit.read(Path(unit_file).read_text("utf-8"))
    calls = allowed_calls(unit)
    _LIBC.unshare(_NAMESPACES["mnt"] | _NAMESPACES["ipc"])
    read_only = {
        CHECKOUT: str(Path(__file__).parents[2]),
        _PACKAGES: sysconfig.get_path("purelib"),
        _PYTHON: sys.base_prefix,
    }
    folders = {_STATE / unit.value("StateDirectory"): state}
    folders |= {_CACHE / unit.value("CacheDirectory"): cache}
    _arrange_folders(read_only, folders)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]  # systemd may raise it, a container not
    descriptors = min(int(unit.value("LimitNOFILE")), most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    resource.setrlimit(resource.RLIMIT_CORE, (int(unit.value("LimitCORE")),) * 2)
    os.umask(int(unit.value("UMask"), 8))
    os.chdir("/")
    _become_nobody()
    _filter_calls(unit, calls)
    python = str(_PYTHON / "bin" / Path(sys.executable).resolve().name)
    os.execve(python, [python, *arguments], _environment(unit))  # noqa: S606 - the caller's words


def _environment(unit: Unit) -> dict[str, str]:
    words = (word.partition("=") for word in unit.words("Environment"))
    own = {name: value for name, _, value in words}
    places = {"%S": str(_STATE), "%C": str(_CACHE)}
    return {
        **{name: value for name, value in os.environ.items() if name.startswith("SCRIBEWIRE_")},
        **{name: places.get(value, value) for name, value in own.items()},
        "LD_LIBRARY_PATH": str(_PYTHON / "lib"),
        "PYTHONPATH": f"{CHECKOUT}/src:{_PACKAGES}",
    }


def _arrange_folders(read_only: dict[Path, str], writable: dict[Path, str]) -> None:
    """Show the system read-only, without homes, devices and other people's temporary files."""
    _mount("none", "/", None, _REC | _SLAVE)
    held = {path: os.open(source, os.O_PATH) for path, source in (read_only | writable).items()}
    devices = {name: os.open(f"/dev/{name}", os.O_PATH) for name in _DEVICES}
    for folder in ("/opt", "/var/lib", "/var/cache", "/tmp", "/var/tmp", "/dev"):  # noqa: S108
        _mount("tmpfs", folder, "tmpfs", _NOSUID | (0 if folder == "/opt" else _NODEV))
    for folder in ("/home", "/root", "/run/user"):
        if Path(folder).is_dir():
            _mount("tmpfs", folder, "tmpfs", _NOSUID | _NODEV | _NOEXEC, "mode=000")
    for path, descriptor in held.items():
        path.mkdir(parents=True)
        _mount(f"/proc/self/fd/{descriptor}", str(path), None, _BIND | _REC)
    for name, descriptor in devices.items():
        Path("/dev", name).touch()
        _mount(f"/proc/self/fd/{descriptor}", f"/dev/{name}", None, _BIND)
    for descriptor in (*held.values(), *devices.values()):
        os.close(descriptor)
    Path("/dev/shm").mkdir()  # noqa: S108
    _mount("tmpfs", "/dev/shm", "tmpfs", _NOSUID | _NODEV)  # noqa: S108
    _mount("proc", "/proc", "proc", _NOSUID | _NODEV | _NOEXEC, "hidepid=invisible")
    _set_read_only("/", is_on=True)
    for folder in ("/proc", "/dev/shm", "/tmp", "/var/tmp", *map(str, writable)):  # noqa: S108
        _set_read_only(folder, is_on=False)
    for path in writable:
        shutil.chown(path, USER, USER)


def _mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    texts = (text.encode() if text else None for text in (source, target, kind))
    _must(_LIBC.mount(*texts, ctypes.c_ulong(flags), data.encode()), f"mount {target}")


def _set_read_only(path: str, *, is_on: bool) -> None:
    wish = struct.pack("=4Q", _READ_ONLY * is_on, _READ_ONLY * (not is_on), 0, 0)
    scope = _RECURSIVE if is_on else 0
    call = (_MOUNT_SETATTR, _HERE, path.encode(), scope, wish, ctypes.c_size_t(len(wish)))
    _must(_LIBC.syscall(*call), f"read-only {path}")


def _become_nobody() -> None:
    os.setgroups([])
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)
    _LIBC.prctl(_DUMPABLE, 1, 0, 0, 0)  # a process that changed its user may not write its maps
    _must(_LIBC.unshare(_NAMESPACES["user"]), "PrivateUsers")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/gid_map").write_text(f"{USER} {USER} 1")
    Path("/proc/self/uid_map").write_text(f"{USER} {USER} 1")
    number = 0
    while _LIBC.prctl(_DROP_BOUND, number, 0, 0, 0) == 0:
        number += 1
    _must(_LIBC.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0), "NoNewPrivileges")
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0)
    _must(_LIBC.capset(header, (ctypes.c_uint32 * 6)()), "CapabilityBoundingSet")


class _Condition(ctypes.Structure):
    """`scmp_arg_cmp` of libseccomp."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("comparison", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


_EQUAL, _AT_LEAST, _MASKED = 4, 5, 7  # SCMP_CMP_*
_ALLOW: Final = 0x7FFF_0000


def _refuse(number: int) -> int:
    return 0x0005_0000 | number  # SCMP_ACT_ERRNO


class _Filter:
    def __init__(self, otherwise: int) -> None:
        self._library = ctypes.CDLL("libseccomp.so.2")
        self._library.seccomp_init.restype = ctypes.c_void_p
        self._context = ctypes.c_void_p(self._library.seccomp_init(otherwise))

    def add(self, action: int, call: str, *conditions: tuple[int, int, int, int]) -> None:
        """Add a rule; a call that this machine does not have is passed over."""
        number = self._library.seccomp_syscall_resolve_name(call.encode())
        if number >= 0:
            array = (_Condition * len(conditions))(*(_Condition(*one) for one in conditions))
            arguments = (self._context, ctypes.c_uint32(action), number, len(conditions), array)
            _must(self._library.seccomp_rule_add_array(*arguments), call)

    def load(self) -> None:
        _must(self._library.seccomp_load(self._context), "seccomp")


def _filter_calls(unit: Unit, calls: Iterable[str]) -> None:
    """Put in force what is said of system calls, the list of those that are allowed last."""
    denied = _Filter(_ALLOW)
    _deny_namespaces(denied, set(unit.words("RestrictNamespaces")))
    _deny_families(denied, {socket.AddressFamily[name] for name in _families(unit)})
    if unit.is_on("MemoryDenyWriteExecute"):
        both = mmap.PROT_EXEC | mmap.PROT_WRITE
        denied.add(_refuse(errno.EPERM), "mmap", (2, _MASKED, both, both))
        for call in ("mprotect", "pkey_mprotect"):
            denied.add(_refuse(errno.EPERM), call, (2, _MASKED, mmap.PROT_EXEC, mmap.PROT_EXEC))
        denied.add(_refuse(errno.EPERM), "shmat", (2, _MASKED, 0o100000, 0o100000))  # SHM_EXEC
    if unit.is_on("RestrictRealtime"):
        for policy in (os.SCHED_FIFO, os.SCHED_RR, 6):  # 6 is SCHED_DEADLINE
            denied.add(_refuse(errno.EPERM), "sched_setscheduler", (1, _EQUAL, policy, 0))
    denied.load()
    allowed = _Filter(_refuse(errno.EPERM))
    for call in calls:
        allowed.add(_ALLOW, call)
    allowed.load()


def _families(unit: Unit) -> tuple[str, ...]:
    return unit.words("RestrictAddressFamilies")


def _deny_families(denied: _Filter, allowed: set[socket.AddressFamily]) -> None:
    highest = 64  # above the last family that any kernel knows
    for family in set(range(highest)) - {int(one) for one in allowed}:
        denied.add(_refuse(errno.EAFNOSUPPORT), "socket", (0, _EQUAL, family, 0))
    denied.add(_refuse(errno.EAFNOSUPPORT), "socket", (0, _AT_LEAST, highest, 0))


def _deny_namespaces(denied: _Filter, allowed: set[str]) -> None:
    for name, flag in _NAMESPACES.items():
        if name not in allowed:
            for call, argument in (("unshare", 0), ("clone", 0), ("setns", 1)):
                denied.add(_refuse(errno.EPERM), call, (argument, _MASKED, flag, flag))
    denied.add(_refuse(errno.EPERM), "setns", (1, _EQUAL, 0, 0))
    denied.add(_refuse(errno.ENOSYS), "clone3")  # its flags lie in memory, where no filter looks


def _must(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno() or -result, f"{what}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main(*sys.argv[1:])
