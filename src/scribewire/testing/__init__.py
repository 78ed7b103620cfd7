"""What an engine's author or a test needs: conformance checks and named fakes."""

from scribewire.testing.check_engine import check_engine

__all__ = ["check_engine"]
