"""How patient a pull is."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from scribewire.sources.retry import RetryRules


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRules:
    """What varies from one installation, or one test, to the other."""

    retry: RetryRules = field(default_factory=RetryRules)
    open_timeout_s: float
    """From connecting to the first audio."""
    stall_s: float = 20.0
    """Without anything new, until a playlist counts as lost."""
    nesting: int = 3
    """Playlists that lead to another."""
    language: str | None = None
    """Preferred where a playlist offers several."""
    random: Callable[[], float] = random.random
    """From 0 to 1, for waits that differ."""
