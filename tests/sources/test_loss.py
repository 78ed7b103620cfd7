from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from scribewire.audio.container import AudioInfo
from scribewire.sources.events import (
    SourceAudio,
    SourceEvent,
    SourceGap,
    SourceLost,
    SourceOpened,
    SourceTrack,
)
from scribewire.sources.loss import MOST_SENT_AGAIN_S, SETTLE_S, Loss
from scribewire.types import PCM_BYTES_PER_S

AIR = np.random.default_rng(0).integers(-5000, 5000, 16_000 * 60).astype("<i2").tobytes()
INFO = AudioInfo(container="mp3", codec="mp3", rate_hz=16_000, channels=1, duration_ms=None)
OPENED = SourceOpened(INFO, is_live=True)


def audio(start_s: float, end_s: float) -> SourceAudio:
    return SourceAudio(AIR[round(start_s * PCM_BYTES_PER_S) : round(end_s * PCM_BYTES_PER_S)])


def total(events: Iterable[SourceEvent]) -> float:
    """Return how far the timeline has come."""
    return sum(
        event.seconds if isinstance(event, SourceGap) else len(event.pcm) / PCM_BYTES_PER_S
        for event in events
        if isinstance(event, SourceGap | SourceAudio)
    )


def heard_until(seconds: float) -> Loss:
    loss = Loss()
    assert list(loss.receive(OPENED, 0)) == [OPENED]
    for second in range(round(seconds)):
        piece = audio(second, second + 1)
        assert list(loss.receive(piece, second + 1)) == [piece]
    return loss


def test_a_loss_is_told_at_once_and_ends_the_utterance() -> None:
    loss = heard_until(10)

    assert list(loss.begin("it broke off", 10.1)) == [SourceLost("it broke off"), SourceGap(0.0)]
    assert list(loss.begin("refused", 12)) == []


def test_audio_is_held_until_it_is_clear_how_it_follows() -> None:
    loss = heard_until(10)
    list(loss.begin("it broke off", 10.1))

    assert list(loss.receive(OPENED, 14)) == []
    assert list(loss.receive(audio(8, 14), 14.1)) == []
    told = list(loss.receive(audio(14, 15), 15.1))

    assert told == [OPENED, audio(10, 15)]
    assert loss.settles_at is None
    assert list(loss.receive(audio(15, 16), 16)) == [audio(15, 16)]


def test_it_settles_when_what_is_sent_once_more_has_come() -> None:
    loss = heard_until(10)
    list(loss.begin("it broke off", 10.1))
    list(loss.receive(OPENED, 14))

    assert loss.settles_at == 14 + SETTLE_S


def test_the_time_since_the_last_audio_is_counted_once() -> None:
    loss = heard_until(10)
    told = list(loss.begin("nothing came for 20 s", 30))
    told += loss.look(33)
    told += loss.receive(OPENED, 34)
    told += loss.receive(audio(40, 41), 34.5)  # it begins a second ago
    told += loss.settle(35)

    assert told[-2:] == [OPENED, audio(40, 41)]
    assert total(told) == 34.5 - 10  # what is said since then is on its way


def test_a_long_loss_is_told_while_it_lasts() -> None:
    loss = heard_until(10)
    told = list(loss.begin("it broke off", 10))
    for now in range(11, 111):
        told += loss.look(now)

    assert total(told) == 100 - MOST_SENT_AGAIN_S
    told += loss.receive(OPENED, 110)
    told += loss.receive(audio(40, 41), 110)
    told += loss.settle(111)
    assert total(told) == 100


def test_what_is_said_after_the_last_fresh_piece_is_not_missing() -> None:
    loss = heard_until(10)
    told = list(loss.begin("it broke off", 10))
    told += loss.receive(OPENED, 12)
    told += loss.receive(audio(8, 11.5), 12.1)  # a server's buffer, at once
    told += loss.settle(13)
    told += loss.receive(audio(11.5, 13), 13.4)

    assert [event for event in told if isinstance(event, SourceAudio)] == [
        audio(10, 11.5),
        audio(11.5, 13),
    ]
    assert total(told) == 3


def test_a_file_that_begins_again_was_not_lost() -> None:
    loss = heard_until(10)
    list(loss.begin("it broke off", 10))
    loss.forget()

    assert loss.settles_at is None
    assert list(loss.receive(OPENED, 40)) == [OPENED]
    assert list(loss.receive(audio(10, 11), 40)) == [audio(10, 11)]


def test_a_source_that_is_back_without_a_sound_is_back() -> None:
    loss = heard_until(10)
    told = list(loss.begin("it broke off", 10))
    told += loss.receive(OPENED, 12)
    told += loss.settle(13)

    assert told[-1] == OPENED
    assert total(told) == 3


def test_a_source_that_is_lost_before_its_first_sound_has_missed_no_more_than_that() -> None:
    loss = Loss()
    list(loss.receive(OPENED, 25_000))
    told = list(loss.begin("it broke off", 25_001))
    told += loss.receive(OPENED, 25_003)
    told += loss.settle(25_004)

    assert total(told) == 4


def test_what_is_held_comes_before_the_gap_behind_it() -> None:
    loss = heard_until(10)
    told = list(loss.begin("it broke off", 10))
    told += loss.receive(OPENED, 12)
    told += loss.receive(audio(12, 12.5), 12.5)
    told += loss.receive(SourceGap(0.3), 12.8)
    told += loss.receive(audio(12.8, 13), 13)

    assert told[2:] == [
        SourceGap(2.0),
        OPENED,
        audio(12, 12.5),
        SourceGap(0.3),
        audio(12.8, 13),
    ]


def test_what_is_missing_at_the_new_beginning_is_of_the_time_that_passed() -> None:
    loss = heard_until(10)
    told = list(loss.begin("it broke off", 10))
    told += loss.receive(OPENED, 12)
    told += loss.receive(SourceGap(0.5), 12.5)
    told += loss.receive(audio(12.5, 13.5), 13.5)

    assert told[2:] == [SourceGap(2.5), OPENED, audio(12.5, 13.5)]


def test_who_is_back_and_lost_at_once_was_back() -> None:
    loss = heard_until(10)
    told = list(loss.begin("it broke off", 10))
    told += loss.receive(OPENED, 12)
    told += loss.receive(audio(12, 12.5), 12.5)
    told += loss.receive(SourceLost("the playlist failed"), 12.8)

    assert told[3:] == [OPENED, audio(12, 12.5), SourceLost("the playlist failed")]


def test_it_may_be_lost_again_before_it_is_clear() -> None:
    loss = heard_until(10)
    told = list(loss.begin("it broke off", 10))
    told += loss.receive(OPENED, 12)
    told += loss.receive(audio(9, 12), 12.2)
    told += loss.settle(12.2)
    told += loss.begin("again", 12.2)

    assert told[2:] == [OPENED, audio(10, 12), SourceLost("again"), SourceGap(0.0)]


def test_a_flood_is_not_held() -> None:
    loss = heard_until(10)
    list(loss.begin("it broke off", 10))
    list(loss.receive(OPENED, 12))

    told = list(loss.receive(audio(10, 10 + MOST_SENT_AGAIN_S), 12.1))

    assert told[-1] == audio(10, 10 + MOST_SENT_AGAIN_S)


def test_another_track_settles_nothing() -> None:
    loss = heard_until(10)
    list(loss.begin("it broke off", 10.1))
    list(loss.receive(OPENED, 14))
    list(loss.receive(audio(8, 14), 14.1))

    assert list(loss.receive(SourceTrack(INFO), 14.2)) == [SourceTrack(INFO)]
    assert list(loss.receive(audio(14, 15), 15.1)) == [OPENED, audio(10, 15)]
