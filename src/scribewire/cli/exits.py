"""How a command ends: its exit code, and the words that go with a failure."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the shell is told."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    KEY_REFUSED = 3
    UNREACHABLE = 4
    INTERRUPTED = 130  # as shells report SIGINT: 128 + 2
    TERMINATED = 143  # SIGTERM: 128 + 15


class CommandFault(Exception):
    """A command cannot go on; the message is for the person at the keyboard.

    The message says what was wrong, what was expected, and what to do.
    """

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.code = code
