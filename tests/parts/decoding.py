"""Decoders for all tests that start one: what they are forked from is loaded once."""

from __future__ import annotations

from scribewire.sources.decoders import Decoders

DECODERS = Decoders()
"""Closed when the run is over (`tests/conftest.py`)."""
