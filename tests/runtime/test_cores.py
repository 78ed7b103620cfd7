from __future__ import annotations

from pathlib import Path

import pytest

from scribewire.runtime.cores import granted_cores


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
