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
    place_wait_ms: int = Field(
        default=3_000,  # clients give up after 10 s or more
        ge=0,
        le=8_000,
        description="How long a client that finds no place may wait for one before it is refused, "
        "if its key comes with the request; 0: not at all.",
    )
    max_message_bytes: int = Field(
        default=1_048_576,  # 32 s of audio; the largest that clients are seen to send are 64 KB
        ge=16_384,
        le=1_048_576,
        description="Largest message of a client.",
    )
    max_unread_bytes: int = Field(
        default=65_536,  # some 300 results
        ge=4_096,
        description="What is held for a client that does not read, besides what its system "
        "holds; beyond it nothing more is taken from it.",
    )
    unread_timeout_ms: int = Field(
        default=120_000,  # a notebook's lid, a change of networks, a breakpoint
        ge=100,
        description="How long a client with a session may read nothing of what waits for it.",
    )
    max_session_ms: int | None = Field(
        default=None,
        ge=100,
        description="How long a session may last; none: as long as its client likes.",
    )
    idle_timeout_ms: int | None = Field(
        default=None,
        ge=100,
        description="How long a session whose audio is sent may go on without any; none: as long "
        "as its client likes.",
    )
    max_wrong_keys: int = Field(
        default=10,
        ge=1,
        description="Wrong keys that an address may show before it has to wait: a second, and "
        "twice as long after each further one. Valid keys are let in all the same.",
    )
    max_wrong_key_wait_ms: int = Field(
        default=60_000, ge=0, description="Longest of these waits; 0 for none."
    )
    start_timeout_ms: int = Field(
        default=15_000,
        ge=100,
        description="How long a request may take to be complete, and a session to send `start`.",
    )
