"""The server under test for the benches: `scribewire.capacity.server_process`, and where we are."""

from __future__ import annotations

from pathlib import Path

from scribewire.capacity.server_process import ServerProcess as BenchServer
from scribewire.capacity.server_process import run_server_process as bench_server

__all__ = ["ROOT", "BenchServer", "bench_server"]

ROOT = Path(__file__).resolve().parents[1]
