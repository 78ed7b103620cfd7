"""What one task alone may do, checked: two of them at once is an error by name."""

from __future__ import annotations

import asyncio
from types import TracebackType


def loop_time() -> float:
    """Return the time of the event loop that runs here, in seconds."""
    return asyncio.get_running_loop().time()


class ConcurrencyError(RuntimeError):
    """A second task did what one task alone may do at a time; a bug of ours."""


class OneTask:
    """Give one task at a time leave to do something."""

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._is_taken = False

    def take(self) -> None:
        """Take leave. Raises ConcurrencyError while another has it."""
        if self._is_taken:
            raise ConcurrencyError(f"{self._doing} while another task does")
        self._is_taken = True

    def give_back(self) -> None:
        """Let another one have it."""
        self._is_taken = False

    def __enter__(self) -> None:
        self.take()

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.give_back()
