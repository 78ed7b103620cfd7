"""How many processor cores this process may use, limits of containers included."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path, PurePosixPath
from typing import TypeAlias

_Reader: TypeAlias = Callable[[Path], float | None]

_PROC, _CGROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class CoreShare:
    """What one of several processes on a machine has of its cores."""

    workers: int
    """How many calls it should decode side by side."""
    bound_to: frozenset[int] | None
    """The cores that are its own; None: any."""

    def bind(self) -> None:
        """Keep the present process to its cores, where the system can."""
        if self.bound_to is not None and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, self.bound_to)


def share_out_cores(processes: int) -> tuple[CoreShare, ...]:
    """Share out what this process may use to so many."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ()
    return shares_of(sorted(allowed), available_cores(), processes)


def shares_of(allowed: Sequence[int], available: int, processes: int) -> tuple[CoreShare, ...]:
    """Share out `available` cores as evenly as can be, at least one to each process.

    `allowed` are their numbers, none where the system does not tell. Cores are bound only where
    each process has its own: with less granted than there are, or fewer than processes, whoever
    has work takes any.
    """
    counts = [available // processes + (at < available % processes) for at in range(processes)]
    if len(allowed) != available or available < processes:
        return tuple(CoreShare(max(count, 1), None) for count in counts)
    starts = accumulate(counts, initial=0)
    return tuple(
        CoreShare(count, frozenset(allowed[start : start + count]))
        for start, count in zip(starts, counts, strict=False)
    )


def available_cores() -> int:
    """Return how many cores this process may use, at least one.

    The least of what the machine has, what the process is bound to (affinity), and what its
    control groups grant; half a core more counts as a core.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    granted = granted_cores(_PROC, _CGROUPS)
    limit = cores or 1
    return limit if granted is None else max(1, min(limit, int(granted + 0.5)))


def granted_cores(own_groups: Path, root: Path) -> float | None:
    """Return the processor time per second that control groups grant; None: no limit.

    `own_groups` names the groups of the process as /proc/self/cgroup does; `root` is where their
    files are. Both versions of control groups are understood, and every group above counts too.
    """
    try:
        lines = own_groups.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    grants = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            grants += _grants(root, path, _read_v2)
        elif "cpu" in controllers.split(","):
            grants += _grants(root / "cpu", path, _read_v1)
    return min(grants, default=None)


def _grants(root: Path, path: str, read: _Reader) -> list[float]:
    inside = PurePosixPath(path.lstrip("/"))
    # In a container the path may be that of the host: its own files are then at the root.
    folders = {root / inside, *(root / parent for parent in inside.parents)}
    return [grant for folder in folders if (grant := read(folder)) is not None]


def _read_v2(folder: Path) -> float | None:
    words = _words(folder / "cpu.max")
    if len(words) != 2 or words[0] == "max":  # noqa: PLR2004 - quota and period
        return None
    return _ratio(words[0], words[1])


def _read_v1(folder: Path) -> float | None:
    quota, period = _words(folder / "cpu.cfs_quota_us"), _words(folder / "cpu.cfs_period_us")
    return _ratio(quota[0], period[0]) if quota and period else None


def _ratio(quota: str, period: str) -> float | None:
    try:
        granted = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):
        return None
    return granted if granted > 0 else None  # version 1 writes -1 for no limit


def _words(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").split()
    except (OSError, UnicodeDecodeError):
        return []
