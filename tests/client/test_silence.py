from __future__ import annotations

import pytest

from scribewire.client.silence import SilenceWatch

# What happens on a connection that is open since second 0: `s` audio is sent, `h` anything is
# heard, `l` somebody looks; one letter a second, and whether it is over when one looks last.
CASES = [
    ("nothing is sent", "l............l", False),
    ("audio is not answered", "ssssssssssssl", True),
    ("it may still be answered", "sssssssssssl", False),
    ("each second is answered", "shshshshshshshshshl", False),
    ("the last was too soon to be answered", "hs...............l", False),
    ("one that has to be answered is enough", "h..s..........l", True),
    ("it is answered late", "ssssssssssshl", False),
    ("it falls silent", "shshsh...sssssssssssl", True),
]


@pytest.mark.parametrize(
    ("happens", "expected"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_only_audio_that_is_not_answered_is_a_loss(happens: str, *, expected: bool) -> None:
    watch = SilenceWatch(silence_s=10, now=0)
    is_over = False
    for now, event in enumerate(happens):
        if event == "s":
            watch.note_sent(now)
        elif event == "h":
            watch.note_heard(now)
        elif event == "l":
            is_over = watch.is_over(now)

    assert is_over is expected


def test_one_looks_now_and_then_and_in_time() -> None:
    watch = SilenceWatch(silence_s=10, now=0)
    looks = [watch.look_at]

    watch.is_over(2)
    looks.append(watch.look_at)
    watch.note_sent(3)
    looks.append(watch.look_at)
    watch.note_heard(4)
    looks.append(watch.look_at)

    assert looks == [2, 4, 13, 6]
