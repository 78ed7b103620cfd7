from __future__ import annotations

import pytest

from scribewire.audio.container import AudioInfo
from scribewire.sources.events import SourceAudio, SourceOpened
from scribewire.sources.shared.liveness import AHEAD_S, WATCHED_S, Liveness

INFO = AudioInfo(container="mpegts", codec="mp2", rate_hz=48_000, channels=2, duration_ms=None)
SECOND = SourceAudio(bytes(32_000))


def watch(opened: SourceOpened, *, for_s: float, heard_s: float, waited_share: float) -> bool:
    """Open it at 100 s, and tell whether it is certain to be live after `for_s`."""
    liveness = Liveness()
    liveness.note(opened, 0.5, 100.0)
    for _ in range(round(heard_s)):
        liveness.note(SECOND, waited_share * for_s / heard_s, 100.0)
    return liveness.is_certain(100.0 + for_s)


@pytest.mark.parametrize(
    ("opened", "is_certain"),
    [
        (SourceOpened(INFO, is_live=True, says_live=True), True),
        (SourceOpened(INFO, is_live=True), False),
        (SourceOpened(INFO, is_live=False), False),
    ],
)
def test_at_first_it_is_believed_alone_what_says_so(
    opened: SourceOpened, *, is_certain: bool
) -> None:
    assert watch(opened, for_s=0.0, heard_s=0.0, waited_share=0.0) is is_certain


@pytest.mark.parametrize(
    ("what", "for_s", "heard_s", "waited_share", "is_certain"),
    [
        ("as it is spoken", WATCHED_S, WATCHED_S, 0.95, True),
        ("what was said before comes at once", WATCHED_S, WATCHED_S + AHEAD_S, 0.95, True),
        ("not watched for long enough", WATCHED_S - 1, WATCHED_S, 0.95, False),
        ("as fast as it is taken", WATCHED_S, 4 * WATCHED_S, 0.95, False),
        ("it is we who are as slow as speech", WATCHED_S, WATCHED_S, 0.5, False),
    ],
)
def test_what_does_not_say_so_is_known_by_how_it_comes(
    what: str, for_s: float, heard_s: float, waited_share: float, *, is_certain: bool
) -> None:
    opened = SourceOpened(INFO, is_live=True)

    found = watch(opened, for_s=for_s, heard_s=heard_s, waited_share=waited_share)

    assert found is is_certain, what


def test_a_file_is_none_however_it_comes() -> None:
    opened = SourceOpened(INFO, is_live=False)

    assert not watch(opened, for_s=WATCHED_S, heard_s=WATCHED_S, waited_share=0.95)


def test_nothing_is_certain_before_it_is_open() -> None:
    liveness = Liveness()

    assert (liveness.is_open, liveness.is_certain(1000.0)) == (False, False)
