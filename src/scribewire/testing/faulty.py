"""Engines that fail in the ways real ones do: stuck, or raising."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from scribewire.testing.scripted import ScriptedEngine

if TYPE_CHECKING:
    from scribewire.recognition.requests import DecodeRequest, DecodeResult

_GIVE_UP_S = 10.0  # a test that forgot to release fails instead of hanging


class StuckEngine(ScriptedEngine):
    """A scripted engine that decodes nothing until `release` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.release = threading.Event()
        self.has_begun = threading.Event()  # set once the first decode is stuck

    def decode(self, request: DecodeRequest) -> DecodeResult:
        """Wait, then return the letters that the samples hold."""
        self.has_begun.set()
        assert self.release.wait(_GIVE_UP_S), "the test never released the engine"
        return super().decode(request)


class FailingEngine(ScriptedEngine):
    """A scripted engine that raises once it hears the letter x."""

    def decode(self, request: DecodeRequest) -> DecodeResult:
        """Return the letters that the samples hold, or raise ValueError."""
        result = super().decode(request)
        assert result.hypothesis is not None
        if "x" in result.hypothesis.text:
            raise ValueError("secret internals")
        return result
