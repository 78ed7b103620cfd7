"""Tracks are drawn: `.` is a tenth of a second of silence, `S` of sound, a space of nothing."""

from __future__ import annotations

import av
import pytest

from scribewire.audio.track_choice import HOLD_S, MOST_TRACKS, TrackChoice, TrackFrame

FRAME_S = 0.1
_FRAME = av.AudioFrame("s16", "mono", 1600)


def draw(track: int, drawn: str, *, begins_at: int = 0) -> list[TrackFrame]:
    """Return its frames; times are whole tenths, so that they can be compared."""
    return [
        TrackFrame(
            track=track,
            at_s=(begins_at + at) * FRAME_S,
            seconds=FRAME_S,
            has_sound=char == "S",
            frame=_FRAME,
        )
        for at, char in enumerate(drawn)
        if char != " "
    ]


def together(*tracks: list[TrackFrame], ahead_s: float = 0.0) -> list[TrackFrame]:
    """Return the frames as a file has them; the first track's come so much sooner."""
    frames = [frame for track in tracks for frame in track]
    return sorted(frames, key=lambda one: one.at_s - (0.0 if one.track else ahead_s))


def hear(frames: list[TrackFrame], tracks: int = 2) -> tuple[int | None, str]:
    """Return what is settled on, and of which track each tenth of a second was."""
    choice = TrackChoice(tracks)
    heard: list[TrackFrame] = []
    for frame in frames:
        if choice.settled is None:
            heard += choice.receive_frame(frame)
        elif frame.track == choice.settled:
            heard.append(frame)
    settled = choice.settled
    if settled is None:
        heard += choice.receive_end()
        settled = choice.settled
    said = {round(frame.at_s / FRAME_S): str(frame.track) for frame in heard}
    assert len(said) == len(heard), "no second is heard twice"
    assert list(said) == sorted(said), "and each at its time"
    return settled, "".join(said.get(at, " ") for at in range(max(said, default=-1) + 1))


@pytest.mark.parametrize("ahead_s", [-9.9, -0.4, 0.0, 0.4, 9.9])
@pytest.mark.parametrize(
    ("first", "second", "settled", "heard"),
    [
        # The one that speaks is heard, from its first sound on.
        ("...............................", ".....SSSSSSSSSS", 1, "0" * 5 + "1" * 10),
        ("............", "SSSSSSSSSSSS", 1, "1" * 12),
        # The first has begun within a second of the other.
        (".............SSSSSSSSS", ".....SSSSSSSSSS", 0, "0" * 22),
        ("SS....................", "..SSSSSSSSSSSSS", 0, "0" * 22),
        ("....................SSSSS", "." * 20, 0, "0" * 25),
        # A click is nobody who speaks; what follows it is heard whole.
        ("..............................SS", "..S.............", 0, "0" * 32),
        ("..............................", "..S............SSSSSSSS.", 1, "0" * 15 + "1" * 9),
        # Pauses between words.
        ("..............................", "..S..S..S..S..S..S.", 1, "00" + "1" * 17),
        # All are silent: then nothing is settled on.
        ("......................", "." * 22, None, "0" * 22),
        # The first ends, or there is none of it.
        ("....", "......." + "S" * 130, 1, "0000   " + "1" * 130),
        ("", "...SSSSSSSSSSS", 1, "   " + "1" * 11),
        # The other comes later, or not at all.
        ("......................", " " * 8 + "SSSSSSSSSSSSSS", 1, "0" * 8 + "1" * 14),
        ("......................", "", None, "0" * 22),
    ],
)
def test_the_track_that_has_sound_is_heard(
    first: str, second: str, settled: int | None, heard: str, ahead_s: float
) -> None:
    frames = together(draw(0, first), draw(1, second), ahead_s=ahead_s)

    assert hear(frames) == (settled, heard)


@pytest.mark.parametrize(("ahead_s", "settled"), [(-9.9, 1), (0.4, 1), (9.9, 0)])
def test_who_speaks_on_the_first_waits_for_nobody(ahead_s: float, settled: int) -> None:
    tracks = (draw(0, "............................SSSSS"), draw(1, ".....SSSSSSSSSS"))

    assert hear(together(*tracks, ahead_s=ahead_s))[0] == settled


def test_of_several_the_one_that_began_is_heard() -> None:
    tracks = (draw(0, "." * 30), draw(1, "......SSSSSSSSS"), draw(2, "....SSSSSSSSSSS"))

    assert hear(together(*tracks), 3) == (2, "0" * 4 + "2" * 11)


def test_a_first_track_that_comes_no_more_is_not_waited_for() -> None:
    choice = TrackChoice(2)
    heard = [one for frame in draw(1, "S" * 130) for one in _take(choice, frame)]

    assert choice.settled == 1
    assert heard[0].at_s == 0.0


def test_silence_is_not_held_back_for_a_track_that_does_not_come() -> None:
    choice = TrackChoice(2)
    heard = [one for frame in draw(0, "." * 200) for one in choice.receive_frame(frame)]

    held_s = 20.0 - sum(frame.seconds for frame in heard)
    assert held_s == pytest.approx(HOLD_S, abs=FRAME_S)


def test_nothing_is_kept_of_tracks_that_are_silent() -> None:
    choice = TrackChoice(MOST_TRACKS)
    silent = together(*(draw(track, "." * 600) for track in range(MOST_TRACKS)))
    heard = [one for frame in silent for one in choice.receive_frame(frame)]

    assert len(heard) >= 599


def _take(choice: TrackChoice, frame: TrackFrame) -> list[TrackFrame]:
    return choice.receive_frame(frame) if choice.settled is None else []
