from __future__ import annotations

import pytest

from scribewire.server.wrong_keys import FORGIVEN_S, WrongKeys


class Clock:
    """Tells the time that it was set to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def wrong_keys(clock: Clock, **options: int) -> WrongKeys:
    return WrongKeys(**{"free": 3, "longest_wait_s": 8, "now": clock, **options})  # type: ignore[arg-type] # by name


def test_a_few_cost_nothing_and_each_further_one_twice_as_long_a_wait() -> None:
    clock = Clock()
    wrong = wrong_keys(clock)
    waits = []
    for _ in range(9):
        assert wrong.receive("10.0.0.1") == 0
        waits.append(wrong.wait_s("10.0.0.1"))
        clock.now += waits[-1]

    assert waits == [0, 0, 0, 1, 2, 4, 8, 8, 8]


def test_of_a_thousand_a_second_for_ten_seconds_a_few_count() -> None:
    clock = Clock()
    wrong = wrong_keys(clock, free=10, longest_wait_s=60)
    counted = 0
    for number in range(10_000):
        clock.now = 1000.0 + number / 1000
        counted += wrong.receive("10.0.0.1") == 0

    assert counted == 10 + 4  # and then at 0, 1, 3 and 7 seconds
    assert wrong.wait_s("10.0.0.1") == pytest.approx(5.0, abs=0.1)


def test_what_is_shown_while_it_waits_changes_nothing() -> None:
    clock = Clock()
    wrong = wrong_keys(clock)
    for _ in range(4):
        wrong.receive("10.0.0.1")
    clock.now += 0.25

    assert [wrong.receive("10.0.0.1") for _ in range(100)] == [0.75] * 100
    assert wrong.wait_s("10.0.0.1") == 0.75


def test_one_is_forgiven_a_minute_and_in_time_all() -> None:
    clock = Clock()
    wrong = wrong_keys(clock)
    for _ in range(3):
        wrong.receive("10.0.0.1")
    clock.now += FORGIVEN_S
    wrong.receive("10.0.0.1")
    assert wrong.wait_s("10.0.0.1") == 0  # the third again

    clock.now += 3 * FORGIVEN_S
    for _ in range(3):
        wrong.receive("10.0.0.1")
    assert wrong.wait_s("10.0.0.1") == 0


def test_however_many_there_were_it_is_over_in_the_same_time() -> None:
    clock = Clock()
    wrong = wrong_keys(clock)
    for _ in range(1000):
        wrong.receive("10.0.0.1")
        clock.now += wrong.wait_s("10.0.0.1")
    clock.now += 7 * FORGIVEN_S  # three that are free, four waits

    for _ in range(3):
        wrong.receive("10.0.0.1")
    assert wrong.wait_s("10.0.0.1") == 0


@pytest.mark.parametrize(
    ("one", "other", "are_the_same"),
    [
        ("10.0.0.1", "10.0.0.2", False),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
    ],
)
def test_an_address_waits_for_itself_and_an_ipv6_network_as_one(
    one: str, other: str, *, are_the_same: bool
) -> None:
    wrong = wrong_keys(Clock())
    for _ in range(4):
        wrong.receive(one)

    assert (wrong.wait_s(other) > 0) is are_the_same


def test_of_many_addresses_the_ones_that_were_counted_last_are_kept() -> None:
    wrong = wrong_keys(Clock(), free=0, most_addresses=3)
    for number in [1, 2, 3, 4]:
        wrong.receive(f"10.0.0.{number}")

    assert len(wrong) == 3
    assert [wrong.wait_s(f"10.0.0.{number}") for number in [1, 2, 3, 4]] == [0, 1, 1, 1]


def test_without_a_longest_wait_nobody_waits() -> None:
    wrong = wrong_keys(Clock(), longest_wait_s=0)

    assert [wrong.receive("10.0.0.1") for _ in range(100)] == [0] * 100
