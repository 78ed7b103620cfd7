from __future__ import annotations

import math
from contextlib import ExitStack

import pytest

from scribewire.engines.protocols import SpeechEngine
from scribewire.runtime.admission import Admission, CallCosts
from scribewire.runtime.load import EngineLoad, Load, Loads
from scribewire.testing.scripted import ScriptedEngine

NOW = 1000.0
ENGINE, SLOW_ENGINE = ScriptedEngine(), ScriptedEngine()
COSTS: dict[SpeechEngine, CallCosts] = {
    ENGINE: CallCosts(final_s=0.1, stream_share=0.06),
    SLOW_ENGINE: CallCosts(final_s=0.3, stream_share=0.3),
}


def load(
    required_share: float = 0.0,
    *,
    live_streams: float = 0.0,
    final_latency_s: float | None = None,
    final_call_s: float | None = None,
) -> Loads:
    total = Load(
        required_share=required_share,
        partial_share=0.5,
        ahead_share=0.5,
        live_streams=live_streams,
        final_latency_s=final_latency_s,
        final_call_s=final_call_s,
    )
    own = EngineLoad(
        required_share=required_share, live_streams=live_streams, final_call_s=final_call_s
    )
    return Loads(total, {ENGINE: own})


def admission(
    *, max_final_latency_s: float = 0.7, max_sessions: int | None = None, workers: int = 2
) -> Admission:
    return Admission(
        COSTS,
        workers=workers,
        max_final_latency_s=max_final_latency_s,
        max_sessions=max_sessions,
    )


def test_an_idle_server_lets_sessions_in() -> None:
    assert admission().refusal(load(), NOW, speech=ENGINE) is None


def test_partials_and_files_do_not_keep_anybody_out() -> None:
    assert admission().expected_latency_s(load(), NOW, speech=ENGINE) < 0.2


def test_the_hard_limit_counts_those_that_have_left_no_more() -> None:
    limited = admission(max_sessions=2, max_final_latency_s=0)
    with limited.session(NOW, speech=ENGINE):
        with limited.session(NOW, speech=ENGINE):
            assert "all 2 sessions" in (limited.refusal(load(), NOW, speech=ENGINE) or "")
        assert limited.refusal(load(), NOW, speech=ENGINE) is None


def test_clients_that_come_and_go_keep_nobody_out() -> None:
    busy = admission()
    for _ in range(1000):
        with busy.session(NOW, speech=ENGINE):
            pass

    assert busy.refusal(load(), NOW, speech=ENGINE) is None


def test_finals_that_already_come_late_keep_new_sessions_out() -> None:
    served = admission()
    with served.session(NOW - 60, speech=ENGINE):
        assert served.refusal(load(final_latency_s=0.71), NOW, speech=ENGINE) is not None
        assert served.refusal(load(final_latency_s=0.69), NOW, speech=ENGINE) is None


def test_a_slow_machine_lets_in_who_keeps_nobody_waiting() -> None:
    slow = load(final_latency_s=0.9, final_call_s=0.8)

    assert admission().refusal(slow, NOW, speech=ENGINE) is None


def test_expected_latency_grows_with_load_without_bound() -> None:
    shares = [0.0, 0.3, 0.6, 0.8, 0.9, 0.99]
    latencies = [
        admission().expected_latency_s(load(share, live_streams=10), NOW, speech=ENGINE)
        for share in shares
    ]

    assert latencies == sorted(latencies)
    assert latencies[0] == pytest.approx(0.1, abs=0.01)
    assert latencies[-1] == math.inf


def test_more_workers_carry_more() -> None:
    busy = load(0.8, live_streams=30)

    assert admission(workers=8).expected_latency_s(busy, NOW, speech=ENGINE) < admission(
        workers=2
    ).expected_latency_s(busy, NOW, speech=ENGINE)


def test_one_worker_waits_as_the_exact_formula_says() -> None:
    # M/M/1: W = s r / (1 - r), with r the share after one more stream of a tenth is let in.
    single = admission(workers=1)
    latency = single.expected_latency_s(load(0.4, live_streams=4), NOW, speech=ENGINE)

    assert latency == pytest.approx(0.1 + 3 * 0.1 * 0.5 / (1 - 0.5))


def test_sessions_let_in_at_once_are_counted_before_they_are_heard() -> None:
    rush = admission()
    let_in = 0
    with ExitStack() as sessions:
        while rush.refusal(load(), NOW, speech=ENGINE) is None:
            sessions.enter_context(rush.session(NOW, speech=ENGINE))
            let_in += 1

    # 0.06 of 2 workers each; the wait passes 0.7 s at about 80 % of them.
    assert 24 <= let_in <= 29


def test_what_was_let_in_long_ago_and_is_silent_leaves_room() -> None:
    idle = admission()
    with ExitStack() as sessions:
        for _ in range(1000):
            sessions.enter_context(idle.session(NOW, speech=ENGINE))

        assert idle.refusal(load(), NOW, speech=ENGINE) is not None
        assert idle.refusal(load(), NOW + 60, speech=ENGINE) is None


def test_finals_that_take_longer_to_decode_leave_room_for_fewer() -> None:
    quick, slow = (
        admission().expected_latency_s(
            load(0.6, live_streams=20, final_call_s=s), NOW, speech=ENGINE
        )
        for s in (0.05, 0.3)
    )

    assert slow == pytest.approx(6 * quick)


def test_no_wish_for_latency_lets_any_number_in() -> None:
    assert (
        admission(max_final_latency_s=0).refusal(
            load(0.99, final_latency_s=9.0), NOW, speech=ENGINE
        )
        is None
    )


def let_in(admission: Admission, speech: ScriptedEngine, loads: Loads, most: int = 1000) -> int:
    """Return how many sessions of an engine are let in at once, in a server that has others."""
    with ExitStack() as sessions:
        for count in range(most):
            if admission.refusal(loads, NOW, speech=speech) is not None:
                return count
            sessions.enter_context(admission.session(NOW, speech=speech))
    return most


def test_sessions_of_a_slow_engine_fill_a_server_with_fewer() -> None:
    assert 24 <= let_in(admission(), ENGINE, load()) <= 29
    assert 3 <= let_in(admission(), SLOW_ENGINE, load()) <= 6


def test_what_one_engine_needs_leaves_less_for_the_others() -> None:
    shared = admission()
    with ExitStack() as sessions:
        for _ in range(3):
            sessions.enter_context(shared.session(NOW, speech=SLOW_ENGINE))

        assert 8 <= let_in(shared, ENGINE, load()) <= 15


def test_a_session_is_measured_by_the_streams_of_its_own_engine() -> None:
    mixed = Loads(
        load(0.5, live_streams=10, final_call_s=0.1).total,
        {
            ENGINE: EngineLoad(required_share=0.1, live_streams=8, final_call_s=0.05),
            SLOW_ENGINE: EngineLoad(required_share=0.4, live_streams=2, final_call_s=0.3),
        },
    )
    single = admission(workers=1)

    latencies = [
        single.expected_latency_s(mixed, NOW, speech=speech) for speech in (ENGINE, SLOW_ENGINE)
    ]

    # M/M/1 with the mean call of all engines; one more stream takes 0.1 / 8, or 0.4 / 2.
    assert latencies[0] == pytest.approx(0.05 + 3 * 0.1 * 0.5125 / (1 - 0.5125))
    assert latencies[1] == pytest.approx(0.3 + 3 * 0.1 * 0.7 / (1 - 0.7))


def test_an_engine_of_which_nothing_is_known_lets_sessions_in_until_it_is_measured() -> None:
    unknown = Admission({}, workers=2, max_final_latency_s=0.7)

    assert let_in(unknown, ENGINE, load(), most=500) == 500
