"""What one server takes on, and from whom: the options that bound it, a part of `Settings`."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings


class ServerLimits(BaseSettings):
    """Bounds that an operator may move. `scribewire doctor` shows those in force."""

    max_sessions: int | None = Field(
        default=None, ge=1, description="Sessions that may be open at once; none: no limit."
    )
    max_final_latency_ms: int = Field(
        default=700,
        ge=0,
        description="New sessions are refused while finals would come later than this after the "
        "silence that ends them; 0 refuses none.",
    )
    start_timeout_ms: int = Field(
        default=15_000,
        ge=100,
        description="How long a request may take to be complete, and a session to send `start`.",
    )
