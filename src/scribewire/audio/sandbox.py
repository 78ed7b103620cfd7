"""What a process gives up before it touches hostile bytes.

Theory of operation. Each step stands alone, so one that this kernel refuses costs only itself. A
user namespace makes the network namespace possible without privileges; it comes with every
capability inside it, so those are dropped at once. The network namespace has not even a loopback
device that is up. Beside it, the limit on descriptors leaves room for the standard three alone:
no file and no socket can be opened, on any kernel. That is why all imports come before.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import time

_NEW_USER, _NEW_NETWORK = 0x1000_0000, 0x4000_0000  # CLONE_* of unshare(2)
_PARENT_DEATH_SIGNAL, _DUMPABLE, _NO_NEW_PRIVILEGES = 1, 4, 38  # of prctl(2)
_CAPABILITIES_VERSION = 0x2008_0522  # of capset(2)

_STANDARD_DESCRIPTORS = 3


def isolate() -> bool:
    """Leave network and privileges for good; tell whether the network is gone.

    The process must have one thread.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    # The second is for root where the kernel has no user namespaces.
    is_isolated = any(
        libc.unshare(flags) == 0 for flags in (_NEW_USER | _NEW_NETWORK, _NEW_NETWORK)
    )
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0)
    libc.capset(header, (ctypes.c_uint32 * 6)())  # effective, permitted, inheritable: none
    # Those that are forked from it are of one user and one namespace: none may look into another.
    libc.prctl(_DUMPABLE, 0, 0, 0, 0)
    return is_isolated


def die_with(parent: int) -> None:
    """Have this process killed when its parent ends, by its number. Linux only."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it has ended already
        os._exit(1)


def limit_resources(memory_bytes: int) -> None:
    """Open nothing, write no file, start no process, leave no core, use so much memory."""
    for what, most in (
        (resource.RLIMIT_NOFILE, _STANDARD_DESCRIPTORS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, memory_bytes),
    ):
        hard = resource.getrlimit(what)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(what, (allowed, allowed))
        except (ValueError, OSError):  # macOS knows some of them by name only
            continue


class CpuBudget:
    """Ends the process after so much processor time without progress.

    A limit in all would end every live stream some day, so the limit moves on with the work.
    """

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._renewed_at_s = -1.0
        self.renew()

    def renew(self) -> None:
        """Note progress. Cheap: the limit counts whole seconds, so it is set once in each."""
        used_s = time.process_time()
        if used_s < self._renewed_at_s + 1 and self._renewed_at_s >= 0:
            return
        self._renewed_at_s = used_s
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        soft = int(used_s) + 1 + self._seconds
        if hard == resource.RLIM_INFINITY or soft <= hard:
            resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))
