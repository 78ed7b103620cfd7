from __future__ import annotations

from mmap import mmap

from scribewire.runtime.memory import held_bytes, peak_bytes

MB = 10**6


def test_what_is_held_grows_with_what_is_kept_and_never_exceeds_the_peak() -> None:
    before = held_bytes()
    with mmap(-1, 64 * MB) as kept:  # none of what the process has had before and not given back
        kept.write(bytes(64 * MB))
        held = held_bytes()

        assert before < held <= peak_bytes()
    assert held - before > 32 * MB
