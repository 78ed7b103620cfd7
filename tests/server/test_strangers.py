from __future__ import annotations

import pytest

from scribewire.server.strangers import Strangers


@pytest.mark.parametrize(
    ("hosts", "leaving"),
    [
        (["10.0.0.1"] * 3, [None, None, None]),
        (["10.0.0.1"] * 5, [None, None, None, 0, 1]),
        (["10.0.0.2", *["10.0.0.1"] * 4], [None, None, None, 1, 2]),
        (["2001:db8::1", "10.0.0.2", "2001:db8::2", "10.0.0.3"], [None, None, None, 0]),
        (["::ffff:10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.3"], [None, None, None, 0]),
        (["fe80::1%eth0", "10.0.0.2", "fe80::2%eth0", "10.0.0.3"], [None, None, None, 0]),
    ],
)
def test_beyond_three_the_oldest_of_whoever_has_most_must_go(
    hosts: list[str], leaving: list[int | None]
) -> None:
    strangers: Strangers[int] = Strangers(most=3)
    left = []
    for number, host in enumerate(hosts):
        gone = strangers.add(number, host)
        if gone is not None:
            strangers.forget(gone)
        left.append(gone)

    assert left == leaving
    assert len(strangers) == min(3, len(hosts))


def test_who_shows_a_key_is_a_stranger_no_more() -> None:
    strangers: Strangers[str] = Strangers(most=1)
    strangers.add("known", "10.0.0.1")
    strangers.forget("known")
    strangers.forget("known")  # and leaves

    assert strangers.add("next", "10.0.0.1") is None
    assert "known" not in strangers
    assert strangers.next_to_go() == "next"
    strangers.forget("next")
    assert strangers.next_to_go() is None
