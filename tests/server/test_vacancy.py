from __future__ import annotations

import pytest

from scribewire.server.vacancy import Vacancy


def picture(rooms: str, *, carried: int) -> str:
    """Look once a second; each letter is the room that there is, `+` stands for more than nine.

    Return what the sign says: o is on, . is off.
    """
    clock = iter(range(len(rooms)))
    now = 0

    def read_clock() -> float:
        return now

    sign, shown = Vacancy(read_clock, calm_s=3), []
    for letter in rooms:
        now = next(clock)
        room = 10 if letter == "+" else int(letter)
        shown.append("o" if sign.is_on(room, open_sessions=carried - room) else ".")
    return "".join(shown)


@pytest.mark.parametrize(
    ("carried", "rooms", "expected"),
    [
        (10, "3210", "ooo."),  # the last place is given away, then it goes off at once
        (10, "0111111111", ".........."),  # one place is not enough
        (10, "0222222", "....ooo"),
        (10, "02212222", ".......o"),  # it has to last
        (10, "0222211", "....ooo"),  # once on, it stays so to the last place
        (10, "02222022222", "....o....oo"),
        (50, "04444444", "........"),  # a large server: a tenth of it
        (50, "05555", "....o"),
        (1, "011111", "....oo"),  # who carries one session is on when it is free
        (100, "0+++++", "....oo"),
    ],
)
def test_it_goes_off_at_once_and_on_when_several_fit_for_a_while(
    carried: int, rooms: str, expected: str
) -> None:
    assert picture(rooms, carried=carried) == expected


def test_looking_often_makes_it_no_sooner() -> None:
    now = 0.0
    sign = Vacancy(lambda: now, calm_s=3)
    sign.is_on(0, open_sessions=10)

    assert not any(sign.is_on(5, open_sessions=5) for _ in range(100))
    now = 3.0
    assert sign.is_on(5, open_sessions=5)
