"""Why an HTTP request is not answered as it asked: a status and words for who asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, Field

from scribewire.errors import ClientFault

RETRY_AFTER_S: Final = 5
"""What a restart takes, models included, and what load is averaged over."""


class Problem(BaseModel):
    """What every refusal says."""

    error: str = Field(description="What it is, for programs: `unknown token`.")
    message: str = Field(description="What was wrong and what to do, for people.")


class RestFault(ClientFault):
    """A request is refused with this status. The message may quote no key."""

    def __init__(
        self, status: int, error: str, message: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.headers = headers or {}

    @property
    def problem(self) -> Problem:
        """What it says."""
        return Problem(error=self.error, message=self.message)


def bad_request(message: str) -> RestFault:
    """Refuse what cannot be read."""
    return RestFault(400, "bad request", message)


def forbidden(message: str) -> RestFault:
    """Refuse what the key may not do."""
    return RestFault(403, "forbidden", message)


def not_found(message: str) -> RestFault:
    """Refuse what is not there."""
    return RestFault(404, "not found", message)


def conflict(message: str) -> RestFault:
    """Refuse what contradicts what is there."""
    return RestFault(409, "conflict", message)


def too_many(error: str, message: str, *, retry_after_s: int) -> RestFault:
    """Refuse what was asked too often, and may be asked again."""
    return RestFault(429, error, message, headers={"Retry-After": str(retry_after_s)})


def unavailable(error: str, message: str, *, retry_after_s: int = RETRY_AFTER_S) -> RestFault:
    """Refuse what may be asked again a little later."""
    return RestFault(503, error, message, headers={"Retry-After": str(retry_after_s)})
