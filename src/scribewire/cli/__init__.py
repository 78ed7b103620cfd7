"""The command line: one module for each command, and what several of them need."""

from scribewire.cli.app import main

__all__ = ["main"]
