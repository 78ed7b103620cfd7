"""Who pulls once the one who did is gone, or NATS is, played in a time of its own."""

from __future__ import annotations

import pytest

from scribewire.cluster.pulls.feed import (
    FeedOver,
    FeedReleased,
    FeedState,
)
from scribewire.cluster.pulls.steps import (
    BeginPull,
    LeaseLost,
    PullOver,
    ServeFeed,
    StopReadingFeed,
    StopServing,
)
from scribewire.cluster.pulls.turn import (
    ALONE_ASKS_EVERY_S,
    SILENCE_S,
    TurnRole,
)
from scribewire.errors import CloseCode
from scribewire.sources.events import (
    SourceGap,
    SourceLost,
    SourceOpened,
)
from scribewire.sources.faults import authentication_required
from scribewire.sources.loss import SETTLE_S
from scribewire.sources.steps import Over
from scribewire.types import SAMPLE_RATE
from tests.parts.turns import (
    DEAD,
    OURS,
    RADIO,
    THEIRS,
    World,
    air,
    begin,
    owning,
    reading,
)

# Taking over


def take_over(world: World) -> None:
    """Let the owner die, and its lease be free 6 s later."""
    world.wait(5.0, outcome="taken")
    world.wait(1.5)
    world.answer("won", term=2)


def test_who_takes_over_joins_what_it_hears_to_what_was_heard() -> None:
    world = reading(20)
    take_over(world)
    steps = world.taken()
    world.pulled(RADIO, air(12, 26.5))  # a radio server sends the last seconds once more
    world.wait(SETTLE_S)
    world.pulled(air(26.5, 28))

    assert steps == [StopReadingFeed(), ServeFeed(2, THEIRS, 0), BeginPull()]
    assert world.kinds == [SourceOpened, SourceLost, SourceOpened]
    assert world.pcm == air(0, 28).pcm
    assert world.gaps_s == 0


def test_where_nothing_is_sent_once_more_the_time_is_a_gap() -> None:
    world = reading(20)
    take_over(world)
    world.wait(1.0)
    world.pulled(RADIO)
    world.wait(0.5)
    world.pulled(air(27.5, 28))
    world.wait(SETTLE_S)

    assert world.pcm == air(0, 20).pcm + air(27.5, 28).pcm
    assert world.gaps_s == pytest.approx(7.5, abs=0.01)


def test_the_timeline_goes_on_for_those_who_read_on() -> None:
    late = begin()  # it has come when 100 s were told
    late.answer("taken")
    late.tell(100, FeedState(RADIO))
    late.tell(100, air(100, 101))
    take_over(late)
    served = [step for step in late.taken() if isinstance(step, ServeFeed)]
    other = reading(0)
    other.tell(100, air(100, 101))
    other.wait(5.0, outcome="taken")
    other.tell(101, SourceLost("as told there"), term=2)
    other.tell(101, SourceGap(0.0), term=2)
    other.tell(101, SourceGap(2.0), term=2)
    other.tell(103, FeedState(RADIO), term=2)
    other.tell(103, air(103, 104), term=2)

    assert served == [ServeFeed(2, THEIRS, 100 * SAMPLE_RATE)]
    assert other.kinds == [SourceOpened, SourceLost, SourceOpened]
    assert other.gaps_s == 100 + 2
    assert other.pcm == air(100, 101).pcm + air(103, 104).pcm


def test_who_takes_over_long_after_has_told_that_time_to_nobody_twice() -> None:
    world = reading(20)
    world.wait(11.0, outcome="taken")
    world.tell(20, FeedState(None), term=2)  # another one has it, and cannot open the source
    for _ in range(50):
        world.tell(20, FeedState(None), term=2, after_s=1.0)
    told_s = world.gaps_s
    world.tell(20, SourceGap(40.0), term=2)
    world.tell(60, FeedState(RADIO), term=2)
    world.tell(60, air(81, 82), term=2)

    assert told_s > 30
    assert world.gaps_s == pytest.approx(max(told_s, 40.0))


def test_a_new_timeline_is_joined_by_what_is_heard() -> None:
    world = reading(20)
    world.wait(5.0, outcome="taken")
    world.tell(0, FeedState(RADIO), term=2, epoch="a third")
    world.tell(0, air(10, 25), term=2, epoch="a third")
    world.wait(SETTLE_S)
    world.tell(15, air(25, 26), term=2, epoch="a third")
    world.tell(17, air(27, 28), term=2, epoch="a third")

    assert world.kinds == [SourceOpened, SourceLost, SourceOpened]
    assert world.pcm == air(0, 26).pcm + air(27, 28).pcm
    assert world.gaps_s == 1.0


def test_what_an_earlier_owner_still_tells_is_not_heard() -> None:
    world = reading(2)
    world.tell(2, air(2, 3), term=5)
    world.tell(3, air(50, 51), term=4)
    world.tell(3, FeedOver(DEAD), term=4)
    world.tell(3, air(3, 4), term=5)

    assert world.pcm == air(0, 4).pcm
    assert world.over is None


def test_an_owner_that_lets_go_is_followed_at_once() -> None:
    world = reading(20)
    world.tell(20, FeedReleased())
    world.answer("won", term=2)

    assert world.taken() == [StopReadingFeed(), ServeFeed(2, THEIRS, 0), BeginPull()]
    other = reading(20)
    other.tell(20, FeedReleased())
    other.answer("taken")
    other.tell(20, FeedState(RADIO), term=2)
    other.tell(20, air(20, 21), term=2)
    assert other.pcm == air(0, 21).pcm


def test_a_source_that_cannot_be_opened_by_who_takes_over_is_tried_again() -> None:
    world = reading(20)
    take_over(world)
    world.taken()
    world.bring(PullOver(DEAD))
    begun = world.taken()
    world.wait(1.0)
    again = world.taken()
    world.pulled(RADIO, air(20, 30))
    world.wait(SETTLE_S)

    assert (begun, again) == ([], [BeginPull()])
    assert world.over is None
    assert world.pcm.startswith(air(0, 20).pcm)


def test_it_is_given_up_as_any_lost_source() -> None:
    world = begin(give_up_after_s=10.0)
    world.answer("taken")
    world.tell(0, FeedState(RADIO))
    world.tell(0, air(0, 1))
    take_over(world)
    while world.over is None:
        world.wait(1.0)
        world.bring(*([PullOver(DEAD)] if BeginPull() in world.taken() else []))

    assert world.over.fault is not None
    assert world.over.fault.close_code is CloseCode.SERVER_FAULT


def test_a_refusal_is_told_at_once_to_who_takes_over_too() -> None:
    refusal = authentication_required("HTTP 401", status=401)
    world = reading(20)
    take_over(world)
    world.bring(PullOver(refusal))

    assert world.over == Over(refusal)


def test_a_fault_of_the_first_pull_is_told_as_ever() -> None:
    world = begin()
    world.answer("won")
    world.bring(PullOver(DEAD))

    assert world.over == Over(DEAD)


# NATS away, and owners that hang


def test_an_owner_without_its_lease_goes_on_alone() -> None:
    world = owning(RADIO, air(0, 1))
    world.bring(LeaseLost())
    world.pulled(air(1, 2))

    assert world.taken() == [StopServing()]
    assert world.heard == [RADIO, air(0, 1), air(1, 2)]
    assert world.turn.role is TurnRole.ALONE


def test_it_hears_nothing_of_who_has_followed_it() -> None:
    world = owning(RADIO, air(0, 1))
    world.bring(LeaseLost())
    world.tell(5, air(5, 6), term=9, epoch=OURS)

    assert world.pcm == air(0, 1).pcm


def test_one_alone_takes_the_lease_when_it_is_free_for_those_who_come_later() -> None:
    world = owning(RADIO, air(0, 1))
    world.bring(LeaseLost())
    world.taken()
    world.wait(ALONE_ASKS_EVERY_S + 0.1)
    world.answer("taken")
    world.wait(ALONE_ASKS_EVERY_S + 0.1)
    world.answer("won", term=5)

    assert world.taken() == [ServeFeed(5, OURS, 0)]
    assert world.heard == [RADIO, air(0, 1)]


def test_a_reader_pulls_alone_once_nats_is_away() -> None:
    world = reading(20)
    world.wait(SILENCE_S + 0.1)
    world.answer("away")
    world.pulled(RADIO, air(15, 24))
    world.wait(SETTLE_S)

    assert world.taken() == [StopReadingFeed(), BeginPull()]
    assert world.kinds == [SourceOpened, SourceLost, SourceOpened]
    assert world.pcm == air(0, 24).pcm


def test_the_owner_and_a_reader_are_never_both_heard() -> None:
    world = reading(20)
    world.wait(SILENCE_S + 0.1)
    world.answer("away")
    world.pulled(RADIO, air(15, 24))
    world.wait(SETTLE_S)
    world.tell(24, air(60, 61))
    world.tell(25, FeedOver(DEAD))

    assert world.pcm == air(0, 24).pcm
    assert world.over is None
