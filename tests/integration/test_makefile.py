"""What `make` runs: the scripts themselves, with no shell between that a signal would end alone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.parts.installed import need_part

ROOT: Final = Path(__file__).resolve().parents[2]
SCRIPT: Final = f"""\
#!{sys.executable}
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print(*sys.argv[1:], flush=True)
print("ends" if signal.sigtimedwait([signal.SIGTERM], 10) else "was never told to end")
"""


@pytest.mark.parametrize("target", ["serve", "demo", "demo-cluster", "bench", "test"])
def test_what_ends_make_ends_what_it_has_started(target: str, tmp_path: Path) -> None:
    need_part("make")
    shutil.copy(ROOT / "Makefile", tmp_path)
    script = tmp_path / "scripts" / target
    script.parent.mkdir()
    script.write_text(SCRIPT)
    script.chmod(0o755)

    command = ["make", target, "ARGS=--port 0"]
    env = {"PATH": os.environ["PATH"]}  # a make that runs this tells others that they are its parts
    with subprocess.Popen(
        command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True
    ) as make:
        assert make.stdout is not None
        assert make.stdout.readline() == "--port 0\n"
        make.send_signal(signal.SIGTERM)
        assert make.stdout.read() == "ends\n"
