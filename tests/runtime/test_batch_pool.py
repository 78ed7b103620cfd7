from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pytest

from scribewire.recognition.requests import DecodeRequest
from scribewire.runtime.batch_pool import BatchPool, Waiting
from scribewire.testing.scripted import ScriptedEngine

ENGINE = ScriptedEngine()


def waiting(
    item: str,
    *,
    key: Hashable | None = None,
    owner: str = "one",
    since: float = 0.0,
    is_required: bool = True,
    is_ahead: bool = False,
) -> Waiting[str]:
    samples = np.zeros(0, np.float32)
    request = DecodeRequest(utterance=0, samples=samples, end_sample=0, is_required=is_required)
    return Waiting(
        item=item,
        owner=owner,
        request=request,
        speech=ENGINE,
        is_ahead=is_ahead,
        key=key,
        since=since,
    )


def pool_of(*calls: Waiting[str], window_s: float = 0.0, most: int = 3) -> BatchPool[str]:
    pool = BatchPool[str](window_s=window_s, most=most)
    for call in calls:
        pool.put(call)
    return pool


def take_all(pool: BatchPool[str], now: float = 100.0) -> list[str]:
    batches = []
    while batch := pool.take(now):
        batches.append("".join(one.item for one in batch))
    return batches


def f(item: str, key: Hashable | None = None, owner: str = "one") -> Waiting[str]:
    return waiting(item, key=key, owner=owner)


def p(item: str, key: Hashable | None = None, owner: str = "one") -> Waiting[str]:
    return waiting(item, key=key, owner=owner, is_required=False)


@pytest.mark.parametrize(
    ("calls", "batches"),
    [
        ([], []),
        ([f("a"), f("b")], ["a", "b"]),
        ([f("a", 1), f("b", 1)], ["ab"]),
        ([f("a", 1), f("b", 2), f("c", 1)], ["ac", "b"]),
        ([f("a", 1), f("b"), f("c", 1)], ["ac", "b"]),
        ([f("a", 1), f("b", 1), f("c", 1), f("d", 1)], ["abc", "d"]),
        # finals first, and no partial in their batch
        ([p("a"), f("b")], ["b", "a"]),
        ([p("a", 1), f("b", 1), p("c", 1)], ["b", "ac"]),
        # what is heard ahead of its time comes behind all that is live, and partials behind finals
        (
            [
                waiting("a", is_ahead=True, is_required=False),
                waiting("b", is_ahead=True),
                waiting("c", is_required=False),
                waiting("d"),
            ],
            ["d", "c", "b", "a"],
        ),
        ([waiting("a", key=1, is_ahead=True), f("b", 1)], ["b", "a"]),
        # owners take turns, in batches too
        ([f("a"), f("b"), f("x", None, "two")], ["a", "x", "b"]),
        ([f(x, 1) for x in "abcd"] + [f("x", 1, "two"), f("y", 1, "two")], ["axb", "ycd"]),
        ([f(x, 1) for x in "abc"] + [f("x", 2, "two")], ["abc", "x"]),
    ],
)
def test_what_runs_together_and_in_which_order(
    calls: list[Waiting[str]], batches: list[str]
) -> None:
    assert take_all(pool_of(*calls)) == batches


def test_who_was_served_longest_ago_is_next_however_much_another_asks_for() -> None:
    pool = pool_of(*(f(item, None, "greedy") for item in "abcdef"))
    served = []
    for item in "xyz":
        served.append(pool.take(0.0)[0].item)
        pool.put(f(item, None, "modest"))
        served.append(pool.take(0.0)[0].item)

    assert served == ["a", "x", "b", "y", "c", "z"]


def test_a_call_waits_for_company_until_its_window_is_over() -> None:
    pool = pool_of(waiting("a", key=1, since=10.0), window_s=0.5)

    assert pool.take(10.4) == []
    assert pool.next_at() == 10.5
    pool.put(waiting("b", key=1, since=10.4))

    assert pool.next_at() == 10.5  # counted from the first
    assert take_all(pool, 10.5) == ["ab"]
    assert pool.next_at() is None


def test_a_full_batch_and_one_that_has_no_company_wait_for_nobody() -> None:
    full = pool_of(*(waiting(item, key=1, since=10.0) for item in "abc"), window_s=0.5)
    alone = pool_of(waiting("a", since=10.0), window_s=0.5)

    assert full.next_at() == alone.next_at() == 10.0
    assert take_all(full, 10.0) == ["abc"]
    assert take_all(alone, 10.0) == ["a"]


def test_no_partial_begins_while_a_final_waits_for_company() -> None:
    pool = pool_of(
        waiting("p", since=10.0, is_required=False),
        waiting("f", key=1, since=10.2),
        window_s=0.5,
    )

    assert pool.take(10.3) == []
    assert pool.next_at() == pytest.approx(10.7)
    assert take_all(pool, 10.7) == ["f", "p"]


def test_what_an_owner_waits_for_goes_with_it() -> None:
    pool = pool_of(f("a", 1, "gone"), p("b", None, "gone"), f("c", 1, "stays"))

    pool.drop("gone")

    assert len(pool) == 1
    assert take_all(pool) == ["c"]
    pool.put(f("d"))
    pool.clear()
    assert len(pool) == 0


def test_whether_anything_may_have_company_is_known() -> None:
    assert pool_of(p("a"), f("b", 1)).is_gathering
    assert not pool_of(p("a"), f("b")).is_gathering
