"""`scribewire serve` where there is no room for what is made of the model files."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SERVE = [sys.executable, "-m", "scribewire", "serve", "--port", "0", "--key", "key-1"]
# A file system of 4 MB, in a namespace of its own.
MOUNT = 'mount -t tmpfs -o size=4m none "$1" && shift && exec "$@"'
UNSHARE = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", MOUNT, "sh"]

pytestmark = pytest.mark.slow


def can_mount(folder: Path) -> bool:
    """Tell whether this system lets anybody mount in a namespace of one's own."""
    return (
        shutil.which("unshare") is not None
        and subprocess.run(
            [*UNSHARE, str(folder), "true"], capture_output=True, check=False
        ).returncode
        == 0
    )


def test_a_full_disk_under_the_cache_is_told_and_done_without(tmp_path: Path) -> None:
    if not can_mount(tmp_path):
        pytest.skip("no file system can be mounted here")
    command = [*UNSHARE, str(tmp_path), *SERVE, "--cache-dir", str(tmp_path / "cache")]

    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        told = server.stdout.readline()
        server.send_signal(signal.SIGTERM)
        _, log = server.communicate(timeout=60)

    assert told.startswith("listening: "), log
    assert f"cache {tmp_path / 'cache'}: no space left on device" in log
    assert "cannot load it" not in log
    assert server.returncode == 0


def test_where_no_large_file_can_be_written_the_model_is_not_blamed(tmp_path: Path) -> None:
    def allow_small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))

    ended = subprocess.run(
        [*SERVE, "--cache-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        preexec_fn=allow_small_files,
    )

    assert (
        f"prepared model files cannot be written: cache {tmp_path}: file too large" in ended.stderr
    )
    assert "temporary folder" in ended.stderr
    assert "cannot load it" not in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.returncode == 1
