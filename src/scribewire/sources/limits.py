"""How much and how long another server may take from us."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """Limits on one fetch. The values are those of the protocol where it names one."""

    redirects: int = 5
    """Content networks use one to three."""
    line_bytes: int = 8190
    """Of one header field, as most servers limit it."""
    header_fields: int = 128
    """In one answer."""
    connect_s: float = 15.0
    """From asking to the answer's header, redirects included."""
    stall_s: float = 20.0
    """Without a byte, until a stream counts as lost."""
    piece_bytes: int = 1 << 16
    """Of body handed over at once, decompressed."""
