from __future__ import annotations

from scribewire.cluster.restarts import LONGEST_S, SOUND_S, Restarts


def test_who_dies_again_and_again_is_started_less_and_less_often() -> None:
    now = 0.0
    restarts = Restarts(lambda: now)
    pauses = []
    for _ in range(8):
        restarts.note_start()
        now += 1
        pauses.append(restarts.pause_s())

    assert pauses == [0.5, 1, 2, 4, 8, 16, LONGEST_S, LONGEST_S]


def test_who_has_run_for_a_while_is_started_again_at_once() -> None:
    now = 0.0
    restarts = Restarts(lambda: now)
    for _ in range(8):
        restarts.pause_s()
    restarts.note_start()
    now += SOUND_S

    assert restarts.pause_s() == 0.5
