"""How much and how long another server may take from us."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """Limits on one fetch. The values are those of the protocol where it names one."""

    redirects: int = 5
    """Content networks use one to three."""
    connect_s: float = 15.0
    """From asking to the answer's header, redirects included."""
    refusal_bytes: int = 16 * 1024
    """Of the body that comes with an error status: its words are at the start."""
    refusal_s: float = 3.0
    """For that body; the status alone says enough."""
    stall_s: float = 20.0
    """Without a byte, until a stream counts as lost."""
    piece_bytes: int = 1 << 16
    """Of body handed over at once, decompressed."""
    playlist_bytes: int = 1 << 22
    """Of a playlist; 30,000 segments are the limit for shorter ones."""
    playlist_nesting: int = 3
    """Playlists that lead to another: a station list, a master playlist, one to spare."""
    segment_bytes: int = 1 << 25
    """Of an HLS segment, which is held in memory: 10 s at 26 Mbit/s."""
    whole_s: float = 60.0
    """For a playlist, a key or a segment; a live one that takes longer would fall behind anyway."""
