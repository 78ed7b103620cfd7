from __future__ import annotations

from collections.abc import Iterator

import pytest

from scribewire.server.siblings import BEHIND_S, FULL_S, Board, Siblings, making_board


@pytest.fixture
def board() -> Iterator[Board]:
    with making_board(3) as board:
        yield board


def tell(board: Board, own: int, *, connections: int, room: int) -> Siblings:
    siblings = Siblings(board, own)
    siblings.tell_connections(connections)
    siblings.tell_room(room)
    return siblings


@pytest.mark.parametrize(
    ("own", "other", "wait_s"),
    # Connections and room.
    [
        ((3, 9), (3, 9), 0),  # none is better: who is first takes it
        ((3, 9), (2, 9), BEHIND_S),
        ((2, 9), (3, 9), 0),
        ((2, 8), (3, 9), BEHIND_S),  # what sessions cost is measured: room comes first
        ((3, 0), (9, 1), FULL_S),
        ((9, 1), (3, 0), 0),
        ((3, 0), (2, 0), BEHIND_S),  # all are full: the one with fewest says so
        ((2, 0), (3, 0), 0),
    ],
)
def test_who_has_the_most_room_takes_the_next_connection(
    board: Board, own: tuple[int, int], other: tuple[int, int], wait_s: float
) -> None:
    siblings = tell(board, 0, connections=own[0], room=own[1])
    tell(board, 1, connections=other[0], room=other[1])

    assert siblings.wait_s() == wait_s


def test_what_has_come_since_room_was_counted_takes_of_it(board: Board) -> None:
    siblings = tell(board, 0, connections=0, room=2)
    tell(board, 1, connections=5, room=1)

    siblings.tell_connections(1)
    assert siblings.wait_s() == 0
    siblings.tell_connections(2)
    assert siblings.wait_s() == FULL_S
    siblings.tell_room(1)
    assert siblings.wait_s() == 0
    siblings.tell_connections(0)  # who leaves makes none before it is counted again
    assert siblings.wait_s() == 0


def test_who_is_alone_or_has_not_said_how_it_does_waits_for_nobody(board: Board) -> None:
    assert Siblings(board, 0).wait_s() == 0
    full = tell(board, 0, connections=9, room=0)
    assert full.wait_s() == 0
    tell(board, 2, connections=0, room=5)
    assert full.wait_s() == FULL_S
    board.clear(2)
    assert full.wait_s() == 0


def test_who_has_the_memory_by_its_descriptor_reads_the_same(board: Board) -> None:
    inherited = Board(board.descriptor, board.count)
    Siblings(inherited, 1).tell_room(4)

    standing = board.standing(1)
    inherited.close()
    assert standing is not None
    assert standing.room == 4
