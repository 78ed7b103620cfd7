"""Who pulls, played in a time of its own: no NATS, no source, no clock."""

from __future__ import annotations

import pytest

from scribewire.cluster.pulls.feed import (
    FeedOver,
    FeedState,
)
from scribewire.cluster.pulls.steps import (
    BeginPull,
    PullTold,
    ReadFeed,
    ServeFeed,
    StopReadingFeed,
    StopServing,
)
from scribewire.cluster.pulls.turn import (
    ALONE_ASKS_EVERY_S,
    PATIENCE_S,
    SILENCE_S,
    TurnRole,
)
from scribewire.sources.events import (
    SourceGap,
    SourceLost,
    SourceOpened,
)
from scribewire.sources.faults import invalid_stream
from scribewire.sources.steps import Over
from tests.parts.turns import (
    FILE,
    INFO,
    OURS,
    RADIO,
    air,
    begin,
    reading,
)


def test_who_gets_the_lease_pulls_and_tells_the_others() -> None:
    world = begin()
    world.answer("won", term=7)
    steps = world.taken()
    world.pulled(RADIO, air(0, 1))

    assert steps == [ServeFeed(7, OURS, 0), BeginPull()]
    assert world.heard == [RADIO, air(0, 1)]
    assert world.turn.role is TurnRole.OWNING


def test_who_does_not_get_it_is_told_by_who_has_it() -> None:
    world = begin()
    world.answer("taken")
    steps = world.taken()
    world.tell(0, FeedState(None))
    world.tell(0, FeedState(RADIO))
    world.tell(0, air(0, 1))

    assert steps == [ReadFeed()]
    assert world.heard == [RADIO, air(0, 1)]
    assert world.turn.role is TurnRole.READING


def test_where_nats_is_away_everybody_pulls_alone() -> None:
    world = begin()
    world.answer("away")

    assert world.taken() == [BeginPull()]
    assert world.turn.role is TurnRole.ALONE


@pytest.mark.parametrize("opened", [FILE, SourceOpened(INFO, is_live=True)])
def test_what_may_be_a_file_is_everybodys_own(opened: SourceOpened) -> None:
    world = begin()
    world.answer("won")
    world.taken()
    world.pulled(opened, air(0, 1))

    assert world.taken() == [StopServing(is_for_all=False)]
    assert world.heard == [opened, air(0, 1)]
    world.wait(3 * ALONE_ASKS_EVERY_S)
    assert world.asked() is None
    other = begin()
    other.answer("taken")
    other.taken()
    other.tell(0, FeedState(None, is_for_all=False))
    assert other.taken() == [StopReadingFeed(), BeginPull()]


def test_what_proves_to_be_live_is_for_others_from_then_on() -> None:
    world = begin()
    world.answer("won")
    world.pulled(SourceOpened(INFO, is_live=True))
    world.taken()
    for second in range(70):
        world.wait(1.0, outcome="won")
        world.bring(PullTold(air(second, second + 1), waited_s=0.95))

    assert world.taken() == [ServeFeed(1, OURS, 0)]
    assert world.turn.role is TurnRole.OWNING


@pytest.mark.parametrize(
    ("told", "granted", "reads"),
    [
        (("radio.example",), frozenset({"radio.example"}), True),
        (("radio.example", "cdn.example"), frozenset({"radio.example"}), False),
        (("radio.example", "cdn.example"), None, True),
        (None, None, True),
        (None, frozenset({"radio.example"}), False),
    ],
)
def test_who_may_not_be_led_there_pulls_for_itself(
    told: tuple[str, ...] | None, granted: frozenset[str] | None, *, reads: bool
) -> None:
    world = begin(hosts=granted)
    world.answer("taken")
    world.taken()
    world.tell(0, FeedState(RADIO, hosts=told))

    assert world.heard == ([RADIO] if reads else [])
    assert world.taken() == ([] if reads else [StopReadingFeed(), BeginPull()])


def test_it_may_lead_where_one_may_not_later_too() -> None:
    world = begin(hosts=frozenset({"radio.example"}))
    world.answer("taken")
    world.tell(0, FeedState(RADIO, hosts=("radio.example",)))
    world.tell(0, air(0, 1))
    world.taken()
    world.tell(1, FeedState(RADIO, hosts=("radio.example", "cdn.example")))

    assert world.taken() == [StopReadingFeed(), BeginPull()]


def test_an_owner_whose_source_does_not_open_is_not_waited_for_for_ever() -> None:
    world = begin()
    world.answer("taken")
    world.taken()
    for _ in range(30):
        world.tell(0, FeedState(None), after_s=1.0)

    assert world.taken() == [StopReadingFeed(), BeginPull()]


def test_what_is_missing_between_two_messages_is_a_gap() -> None:
    world = reading(2)
    world.tell(4.5, air(4.5, 5))

    assert world.heard[-2:] == [SourceGap(2.5), air(4.5, 5)]


def test_what_was_heard_already_is_left_out() -> None:
    world = reading(4)
    world.tell(2, air(2, 3))
    world.tell(3.5, air(3.5, 5))

    assert world.pcm == air(0, 5).pcm
    assert world.gaps_s == 0


def test_one_that_begins_to_read_later_begins_where_the_owner_is() -> None:
    world = begin()
    world.answer("taken")
    world.tell(100, FeedState(RADIO))
    world.tell(100, air(100, 101))

    assert world.heard == [RADIO, air(100, 101)]


def test_a_loss_of_the_owner_is_told_and_so_is_its_return() -> None:
    world = reading(2)
    world.tell(2, SourceLost("it has ended"))
    world.tell(2, SourceGap(0.0))
    for _ in range(10):
        world.tell(2, FeedState(None), after_s=1.0)
    world.tell(2, SourceGap(7.0))
    world.tell(9, FeedState(RADIO))
    world.tell(9, air(9, 10))

    assert world.kinds == [SourceOpened, SourceLost, SourceOpened]
    assert world.gaps_s == 7.0
    assert world.asked() is None


def test_how_the_source_ends_is_told_as_it_is() -> None:
    fault = invalid_stream("HTTP 410").given_up()
    world = reading(1)
    world.tell(1, FeedOver(fault))

    assert world.over is not None
    assert world.over.fault is fault
    ended = reading(1)
    ended.tell(1, FeedOver())
    assert ended.over == Over(None)


def test_an_owner_that_is_silent_for_a_moment_is_heard_on() -> None:
    world = reading(2)
    world.wait(SILENCE_S + 1.0, outcome="taken")
    world.tell(2, FeedState(RADIO))
    world.tell(2, air(2, 7))
    world.wait(1.0)

    assert world.kinds == [SourceOpened, SourceLost, SourceOpened]
    assert world.pcm == air(0, 7).pcm
    assert world.gaps_s == 0
    assert world.turn.role is TurnRole.READING
    assert world.asked() is None


def test_an_owner_that_tells_nothing_and_holds_its_lease_is_left() -> None:
    world = reading(2)
    world.wait(PATIENCE_S + 1, outcome="taken")

    assert world.taken() == [StopReadingFeed(), BeginPull()]
    assert world.turn.role is TurnRole.ALONE
