from __future__ import annotations

import os
from pathlib import Path

import pytest

from scribewire.runtime.cores import (
    CoreShare,
    available_cores,
    granted_cores,
    share_out_cores,
    shares_of,
)


def lay_out(root: Path, own: str, files: dict[str, str]) -> tuple[Path, Path]:
    groups = root / "groups"
    for name, text in files.items():
        path = groups / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "own").write_text(own)
    return root / "own", groups


@pytest.mark.parametrize(
    ("own", "files", "cores"),
    [
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "200000 100000\n"}, 2.0),
        ("0::/a/b\n", {"cpu.max": "50000 100000\n"}, 0.5),
        ("0::/gone\n", {}, None),
        (
            "4:cpu,cpuacct:/x\n",
            {"cpu/x/cpu.cfs_quota_us": "-1", "cpu/x/cpu.cfs_period_us": "1"},
            None,
        ),
        (
            "9:memory:/m\n4:cpu,cpuacct:/x\n",
            {"cpu/x/cpu.cfs_quota_us": "300000", "cpu/x/cpu.cfs_period_us": "100000"},
            3.0,
        ),
        ("0::/\n", {"cpu.max": "what is this"}, None),
        ("0::/\n", {"cpu.max": "1 0"}, None),
    ],
)
def test_control_groups_limit_the_cores(
    tmp_path: Path, own: str, files: dict[str, str], cores: float | None
) -> None:
    assert granted_cores(*lay_out(tmp_path, own, files)) == cores


def test_without_control_groups_there_is_no_limit(tmp_path: Path) -> None:
    assert granted_cores(tmp_path / "none", tmp_path) is None


@pytest.mark.parametrize(
    ("allowed", "available", "processes", "expected"),
    [
        ((0, 1, 2, 3), 4, 2, [(2, {0, 1}), (2, {2, 3})]),
        ((4, 5, 9), 3, 2, [(2, {4, 5}), (1, {9})]),
        ((0, 1), 2, 2, [(1, {0}), (1, {1})]),
        ((0, 1), 2, 3, [(1, None), (1, None), (1, None)]),  # some share one
        ((0, 1, 2, 3), 2, 2, [(1, None), (1, None)]),  # two are granted, nobody says which
        ((), 4, 2, [(2, None), (2, None)]),  # a system that binds to none
    ],
)
def test_each_process_has_its_share_of_the_cores(
    allowed: tuple[int, ...],
    available: int,
    processes: int,
    expected: list[tuple[int, set[int] | None]],
) -> None:
    assert shares_of(allowed, available, processes) == tuple(
        CoreShare(workers, None if cores is None else frozenset(cores))
        for workers, cores in expected
    )


def test_all_that_this_process_may_use_is_shared_out() -> None:
    shares = share_out_cores(1)

    assert [share.workers for share in shares] == [available_cores()]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs a system that binds")
def test_a_process_keeps_to_its_cores() -> None:
    before = os.sched_getaffinity(0)
    try:
        CoreShare(1, frozenset({min(before)})).bind()
        bound = os.sched_getaffinity(0)
        CoreShare(1, None).bind()

        assert bound == os.sched_getaffinity(0) == {min(before)}
        assert available_cores() == 1
    finally:
        os.sched_setaffinity(0, before)
