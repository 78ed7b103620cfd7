"""The command line: `scribewire serve` and `scribewire transcribe`."""

from scribewire.cli.app import main

__all__ = ["main"]
