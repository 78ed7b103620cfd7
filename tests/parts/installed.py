"""The programs that tests of stream mode stand on: where they are, or why one is missing.

A test calls `need_part` for each. Where one is missing the test is skipped with the reason, unless
`SCRIBEWIRE_NEEDS_PARTS` is set, as continuous integration sets it: there it fails.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NoReturn
from unittest import SkipTest

from scribewire.errors import ServerFault

NEEDS_PARTS: Final = "SCRIBEWIRE_NEEDS_PARTS"
"""The variable that makes a missing part a failure."""

_REMEDIES: Final = {
    "ffmpeg": "install the package ffmpeg",
    "strace": "install the package strace",
    "icecast2": "install the package icecast2",
    "prometheus": "install the package prometheus",
    "promtool": "install the package prometheus",
    "espeak-ng": "install the package espeak-ng",
    "postgres": "install the package postgresql",
    "initdb": "install the package postgresql",
    "systemd-analyze": "install the package systemd",
    "nginx": "install the package nginx",
    "caddy": "install the package caddy",
    "haproxy": "install the package haproxy",
    "envoy": "run `scripts/setup dev`, on Linux",
    "chromium": "install the package chromium",
    "openssl": "install the package openssl",
    "nats-server": "run `scripts/setup dev`",
    "node": "install Node.js 20 or newer",
    "npm": "install npm",
    "azurite-blob": "install Node.js and run `npm ci --prefix tests/parts --ignore-scripts`",
}
# Where npm puts the storage emulator, in a checkout.
_NODE_PROGRAMS: Final = Path(__file__).parent / "node_modules/.bin"
# Debian keeps servers where only root's path looks, or nobody's.
_FURTHER_FOLDERS: Final = (
    str(_NODE_PROGRAMS),
    str(Path(sys.executable).parent),  # some come in wheels
    "/usr/sbin",
    "/usr/local/sbin",
    *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True),
)


class PartMissing(ServerFault):
    """A program is not there; the message says how to get it."""


def find_part(name: str) -> str:
    """Return the path of a program. Raises PartMissing."""
    folders = [os.environ.get("PATH", os.defpath), *_FURTHER_FOLDERS]
    found = shutil.which(name, path=os.pathsep.join(folders))
    if found is None:
        raise PartMissing(f"{name} is missing: {_REMEDIES.get(name, 'install it')}")
    return found


def need_part(*names: str, environment: Mapping[str, str] = os.environ) -> None:
    """Skip the test that calls this where a program is missing; fail it where all are needed.

    It raises what unittest and pytest both take for skipping, so neither is needed here.
    """
    for name in names:
        try:
            find_part(name)
        except PartMissing as missing:
            skip_or_fail(missing, environment)


def skip_or_fail(missing: PartMissing, environment: Mapping[str, str]) -> NoReturn:
    """Raise what skips the test that needs a part, or, where all are needed, what fails it."""
    if environment.get(NEEDS_PARTS):
        raise missing
    raise SkipTest(missing.args[0])
