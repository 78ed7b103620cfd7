from __future__ import annotations

import pytest

from scribewire.sources.replay import ENOUGH_BYTES, WINDOW_BYTES, Beginning, Likeness, Replay

WHOLE = bytes(i * 7 % 251 for i in range(2 * WINDOW_BYTES))
PIECE = 10_000


def after(first: bytes) -> Replay:
    beginning = Beginning()
    for start in range(0, len(first), PIECE):
        beginning.note(first[start : start + PIECE])
    return Replay(beginning)


def receive(replay: Replay, body: bytes) -> bytes:
    return b"".join(replay.receive(body[i : i + PIECE]) for i in range(0, len(body), PIECE))


def test_the_same_once_more_is_held_back_until_it_is_sure() -> None:
    replay = after(WHOLE)

    assert receive(replay, WHOLE[: WINDOW_BYTES - 1]) == b""
    assert receive(replay, WHOLE[WINDOW_BYTES - 1 :]) == WHOLE
    assert replay.likeness is Likeness.SAME


@pytest.mark.parametrize("place", [0, 5000, PIECE, WINDOW_BYTES - 1])
def test_one_other_byte_tells_and_nothing_is_left_out(place: int) -> None:
    other = WHOLE[:place] + bytes([WHOLE[place] ^ 1]) + WHOLE[place + 1 :]
    replay = after(WHOLE)

    assert receive(replay, other) == other
    assert replay.likeness is Likeness.OTHER


@pytest.mark.parametrize("size", [1, PIECE, WINDOW_BYTES - 1])
def test_what_ends_where_it_ended_before_is_a_file(size: int) -> None:
    replay = after(WHOLE[:size])

    assert receive(replay, WHOLE[:size]) == b""
    assert replay.has_ended_alike()


@pytest.mark.parametrize("size", [0, 1, PIECE])
def test_what_ends_sooner_is_not_known(size: int) -> None:
    replay = after(WHOLE[: 2 * PIECE])
    receive(replay, WHOLE[:size])

    assert not replay.has_ended_alike()
    assert replay.likeness is Likeness.OPEN


@pytest.mark.parametrize(
    ("size", "likeness"),
    [(PIECE, Likeness.OTHER), (ENOUGH_BYTES, Likeness.SAME), (WINDOW_BYTES - 9, Likeness.SAME)],
)
def test_what_goes_on_where_it_broke_off_is_a_file_if_much_is_alike(
    size: int, likeness: Likeness
) -> None:
    replay = after(WHOLE[:size])

    assert receive(replay, WHOLE[: size + PIECE]) == WHOLE[: size + PIECE]
    assert replay.likeness is likeness


def test_of_what_never_gave_a_byte_nothing_is_alike() -> None:
    replay = after(b"")

    assert not replay.has_ended_alike()
    assert receive(replay, WHOLE[:PIECE]) == WHOLE[:PIECE]
    assert replay.likeness is Likeness.OTHER


def test_what_is_remembered_is_bounded() -> None:
    beginning = Beginning()
    for _ in range(100):
        beginning.note(WHOLE)

    assert len(beginning.head) == WINDOW_BYTES
    assert beginning.size == 100 * len(WHOLE)
