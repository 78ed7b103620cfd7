from __future__ import annotations

import math
from contextlib import ExitStack

import pytest

from scribewire.runtime.admission import Admission, CallCosts
from scribewire.runtime.load import Load

NOW = 1000.0
COSTS = CallCosts(final_s=0.1, stream_share=0.06)


def load(
    required_share: float = 0.0,
    *,
    live_streams: float = 0.0,
    final_latency_s: float | None = None,
    final_call_s: float | None = None,
) -> Load:
    return Load(
        required_share=required_share,
        partial_share=0.5,
        ahead_share=0.5,
        live_streams=live_streams,
        final_latency_s=final_latency_s,
        final_call_s=final_call_s,
    )


def admission(
    *, max_final_latency_s: float = 0.7, max_sessions: int | None = None, workers: int = 2
) -> Admission:
    return Admission(
        COSTS, workers=workers, max_final_latency_s=max_final_latency_s, max_sessions=max_sessions
    )


def test_an_idle_server_lets_sessions_in() -> None:
    assert admission().refusal(load(), NOW) is None


def test_partials_and_files_do_not_keep_anybody_out() -> None:
    assert admission().expected_latency_s(load(), NOW) < 0.2


def test_the_hard_limit_counts_those_that_have_left_no_more() -> None:
    limited = admission(max_sessions=2, max_final_latency_s=0)
    with limited.session(NOW):
        with limited.session(NOW):
            assert "all 2 sessions" in (limited.refusal(load(), NOW) or "")
        assert limited.refusal(load(), NOW) is None


def test_clients_that_come_and_go_keep_nobody_out() -> None:
    busy = admission()
    for _ in range(1000):
        with busy.session(NOW):
            pass

    assert busy.refusal(load(), NOW) is None


def test_finals_that_already_come_late_keep_new_sessions_out() -> None:
    served = admission()
    with served.session(NOW - 60):
        assert served.refusal(load(final_latency_s=0.71), NOW) is not None
        assert served.refusal(load(final_latency_s=0.69), NOW) is None


def test_a_slow_machine_lets_in_who_keeps_nobody_waiting() -> None:
    slow = load(final_latency_s=0.9, final_call_s=0.8)

    assert admission().refusal(slow, NOW) is None


def test_expected_latency_grows_with_load_without_bound() -> None:
    shares = [0.0, 0.3, 0.6, 0.8, 0.9, 0.99]
    latencies = [
        admission().expected_latency_s(load(share, live_streams=10), NOW) for share in shares
    ]

    assert latencies == sorted(latencies)
    assert latencies[0] == pytest.approx(0.1, abs=0.01)
    assert latencies[-1] == math.inf


def test_more_workers_carry_more() -> None:
    busy = load(0.8, live_streams=30)

    assert admission(workers=8).expected_latency_s(busy, NOW) < admission(
        workers=2
    ).expected_latency_s(busy, NOW)


def test_one_worker_waits_as_the_exact_formula_says() -> None:
    # M/M/1: W = s r / (1 - r), with r the share after one more stream of a tenth is let in.
    single = admission(workers=1)
    latency = single.expected_latency_s(load(0.4, live_streams=4), NOW)

    assert latency == pytest.approx(0.1 + 3 * 0.1 * 0.5 / (1 - 0.5))


def test_sessions_let_in_at_once_are_counted_before_they_are_heard() -> None:
    rush = admission()
    let_in = 0
    with ExitStack() as sessions:
        while rush.refusal(load(), NOW) is None:
            sessions.enter_context(rush.session(NOW))
            let_in += 1

    # 0.06 of 2 workers each; the wait passes 0.7 s at about 80 % of them.
    assert 24 <= let_in <= 29


def test_what_was_let_in_long_ago_and_is_silent_leaves_room() -> None:
    idle = admission()
    with ExitStack() as sessions:
        for _ in range(1000):
            sessions.enter_context(idle.session(NOW))

        assert idle.refusal(load(), NOW) is not None
        assert idle.refusal(load(), NOW + 60) is None


def test_finals_that_take_longer_to_decode_leave_room_for_fewer() -> None:
    quick, slow = (
        admission().expected_latency_s(load(0.6, live_streams=20, final_call_s=s), NOW)
        for s in (0.05, 0.3)
    )

    assert slow == pytest.approx(6 * quick)


def test_no_wish_for_latency_lets_any_number_in() -> None:
    assert admission(max_final_latency_s=0).refusal(load(0.99, final_latency_s=9.0), NOW) is None
