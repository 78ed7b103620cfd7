"""A disk of a few megabytes that can be filled, where the system lets a test mount one."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from unittest import SkipTest


@contextlib.contextmanager
def small_disk(folder: Path, *, kilobytes: int = 1024) -> Iterator[Path]:
    """Mount one at a new folder for as long as the context is open."""
    folder.mkdir()
    options = f"size={kilobytes}k,mode=0700"
    command = ["mount", "-t", "tmpfs", "-o", options, "scribewire-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        raise SkipTest("only root may mount a small disk, where the container lets it")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Leave no byte free; return the file to remove for that."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1024))
    return filler
