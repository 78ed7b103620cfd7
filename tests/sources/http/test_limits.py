from __future__ import annotations

from scribewire.sources.http.limits import FetchLimits


def test_the_limits_are_those_that_the_protocol_names() -> None:
    limits = FetchLimits()
    assert (limits.connect_s, limits.stall_s, limits.redirects) == (15, 20, 5)
