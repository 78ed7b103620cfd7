from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import replace

import pytest

from scribewire.engines.protocols import SpeechEngine
from scribewire.engines.whisper.family import WHISPER_BASE
from scribewire.runtime.admission import (
    ASSUMED_COSTS,
    MOST_ROOM,
    Admission,
    CallCosts,
    assumed_costs,
)
from scribewire.runtime.load import EngineLoad, Load, Loads
from scribewire.runtime.stream_costs import OpenStreams
from scribewire.testing.scripted import ScriptedEngine

ENGINE, SLOW_ENGINE = ScriptedEngine(), ScriptedEngine()
COSTS: dict[SpeechEngine, CallCosts] = {
    ENGINE: CallCosts(final_s=0.1, stream_share=0.06),
    SLOW_ENGINE: CallCosts(final_s=0.3, stream_share=0.3),
}
SLOW_COSTS = CallCosts(final_s=0.6, stream_share=0.15)
NO_STREAMS = OpenStreams(0, 0.0, 0.0)


def engine_load(
    known_share: float = 0.0,
    *,
    streams: int = 0,
    new_streams: float = 0.0,
    typical_share: float | None = None,
    final_call_s: float | None = None,
) -> EngineLoad:
    """What an engine's streams need; `known_share` in workers."""
    return EngineLoad(final_call_s, typical_share, OpenStreams(streams, known_share, new_streams))


def load(
    own: EngineLoad | None = None,
    *,
    final_latency_s: float | None = None,
    final_call_s: float | None = None,
) -> Loads:
    total = Load(
        required_share=0.0,
        partial_share=0.5,
        ahead_share=0.5,
        live_streams=0.0,
        final_latency_s=final_latency_s,
        final_call_s=final_call_s,
    )
    return Loads(total, {} if own is None else {ENGINE: own})


def admission(
    *, max_final_latency_s: float = 0.7, max_sessions: int | None = None, workers: int = 2
) -> Admission:
    return Admission(
        COSTS,
        workers=workers,
        max_final_latency_s=max_final_latency_s,
        max_sessions=max_sessions,
    )


def let_in(admission: Admission, speech: ScriptedEngine, loads: Loads, most: int = 1000) -> int:
    """Return how many sessions of an engine are let in at once, in a server that has others."""
    with ExitStack() as sessions:
        for count in range(most):
            if admission.refusal(loads, speech=speech) is not None:
                return count
            sessions.enter_context(admission.session(speech=speech))
    return most


def test_an_idle_server_lets_sessions_in() -> None:
    assert admission().refusal(load(), speech=ENGINE) is None


def test_the_hard_limit_counts_those_that_have_left_no_more() -> None:
    limited = admission(max_sessions=2, max_final_latency_s=0)
    with limited.session(speech=ENGINE):
        with limited.session(speech=ENGINE):
            refusal = limited.refusal(load(), speech=ENGINE)
            assert refusal is not None
            assert refusal.message == "all places of this server are taken"
            assert refusal.figures == "2 sessions open, 2 allowed"
        assert limited.refusal(load(), speech=ENGINE) is None


@pytest.mark.parametrize("already", [0, 1, 5])
@pytest.mark.parametrize(
    "loads",
    [
        load(),
        load(engine_load(0.6, streams=5, typical_share=0.05)),
        load(engine_load(1.2, streams=5), final_latency_s=0.71),
        load(engine_load(3.0, streams=5)),
    ],
)
@pytest.mark.parametrize("most", [None, 7])
def test_room_is_how_many_more_would_be_let_in(
    already: int, loads: Loads, most: int | None
) -> None:
    served = admission(max_sessions=most)
    with ExitStack() as sessions:
        for _ in range(already):
            sessions.enter_context(served.session(speech=ENGINE))
        room = served.room(loads, speech=ENGINE)

        assert room == let_in(served, ENGINE, loads)


def test_room_without_a_bound_is_counted_no_further() -> None:
    assert admission(max_final_latency_s=0).room(load(), speech=ENGINE) == MOST_ROOM


def test_clients_that_come_and_go_keep_nobody_out() -> None:
    busy = admission()
    for _ in range(1000):
        with busy.session(speech=ENGINE):
            pass

    assert busy.refusal(load(), speech=ENGINE) is None


def test_finals_that_already_come_late_keep_new_sessions_out() -> None:
    served, busy = admission(), engine_load(1.2, streams=1)
    with served.session(speech=ENGINE):
        assert served.refusal(load(busy, final_latency_s=0.71), speech=ENGINE) is not None
        assert served.refusal(load(busy, final_latency_s=0.69), speech=ENGINE) is None


def test_finals_that_came_late_keep_nobody_out_once_the_load_has_left() -> None:
    served = admission()
    with served.session(speech=ENGINE):
        assert served.refusal(load(final_latency_s=9.0), speech=ENGINE) is None


def test_a_slow_machine_lets_in_who_keeps_nobody_waiting() -> None:
    slow = load(final_latency_s=0.9, final_call_s=0.8)

    assert admission().refusal(slow, speech=ENGINE) is None


def test_expected_latency_grows_with_load_without_bound() -> None:
    shares = [0.0, 0.3, 0.6, 0.8, 0.9, 0.99, 1.0]
    latencies = [admission().expected_latency_s(load(), share, speech=ENGINE) for share in shares]

    assert latencies == sorted(latencies)
    assert latencies[0] == pytest.approx(0.2)
    assert latencies[-1] == math.inf


def test_more_workers_keep_nobody_waiting_at_a_higher_share() -> None:
    assert admission(workers=8).expected_latency_s(load(), 0.9, speech=ENGINE) < admission(
        workers=2
    ).expected_latency_s(load(), 0.9, speech=ENGINE)


def test_one_worker_waits_as_the_formula_says() -> None:
    # Sakasegawa's is exact for one worker, s r / (1 - r), and 0.25 of that for even arrivals.
    latency = admission(workers=1).expected_latency_s(load(), 0.5, speech=ENGINE)

    assert latency == pytest.approx(2 * 0.1 + 3 * 0.25 * 0.1)


def test_sessions_let_in_at_once_are_counted_before_they_are_heard() -> None:
    # 0.06 of 2 workers each; the wait passes 0.7 s at 92 % of them.
    assert let_in(admission(), ENGINE, load()) == 31


def test_a_session_whose_stream_has_begun_is_counted_once() -> None:
    rush = admission()
    with ExitStack() as sessions:
        for _ in range(10):
            sessions.enter_context(rush.session(speech=ENGINE))
        begun = load(engine_load(streams=10, new_streams=10.0))

        shares = [rush.expected_share(loads, speech=ENGINE) for loads in (load(), begun)]

    assert shares == [pytest.approx(11 * 0.06 / 2)] * 2


def test_what_is_silent_leaves_room_and_who_speaks_more_leaves_less() -> None:
    server = admission()
    with ExitStack() as sessions:
        for _ in range(100):
            sessions.enter_context(server.session(speech=ENGINE))
        silent = load(engine_load(0.1, streams=100))
        loud = load(engine_load(1.9, streams=100))

        assert server.refusal(silent, speech=ENGINE) is None
        assert server.refusal(loud, speech=ENGINE) is not None


def test_what_was_learnt_of_speech_takes_the_place_of_the_first_measurement() -> None:
    dear = load(engine_load(typical_share=0.12))
    cheap = load(engine_load(typical_share=0.03))

    assert let_in(admission(), ENGINE, dear) == 15
    assert let_in(admission(), ENGINE, cheap) == 62


def test_no_wish_for_latency_lets_any_number_in() -> None:
    late = load(engine_load(1.99), final_latency_s=9.0)

    assert admission(max_final_latency_s=0).refusal(late, speech=ENGINE) is None


def test_sessions_of_a_slow_engine_fill_a_server_with_fewer() -> None:
    assert let_in(admission(), SLOW_ENGINE, load()) == 5


def test_what_one_engine_needs_leaves_less_for_the_others() -> None:
    shared = admission()
    with ExitStack() as sessions:
        for _ in range(3):
            sessions.enter_context(shared.session(speech=SLOW_ENGINE))

        assert let_in(shared, ENGINE, load()) == 15


def test_an_engine_of_which_nothing_is_known_lets_sessions_in_until_it_is_measured() -> None:
    unknown = Admission({}, workers=2, max_final_latency_s=0.7)

    assert let_in(unknown, ENGINE, load(), most=500) == 500


def test_a_refusal_says_in_the_log_what_it_was_decided_by() -> None:
    full = admission()
    with full.session(speech=ENGINE):
        refusal = full.refusal(load(engine_load(1.9, streams=1)), speech=ENGINE)

    assert refusal is not None
    assert "busy" in refusal.message
    assert "1 sessions open, a stream takes 0.060 of 2 workers, all with this one 98%" in (
        refusal.figures
    )
    assert "700 ms allowed" in refusal.figures


def test_what_an_engine_costs_counts_once_its_model_has_been_loaded() -> None:
    busy = admission()
    engine = ScriptedEngine()
    with busy.session(speech=ENGINE):
        assert busy.refusal(load(), speech=engine) is None

        busy.learn(engine, CallCosts(final_s=0.1, stream_share=2.0))

        assert busy.refusal(load(), speech=engine) is not None
        assert busy.refusal(load(), speech=ENGINE) is None


def test_an_engine_that_is_not_loaded_yet_is_taken_for_one_that_keeps_up() -> None:
    engine = ScriptedEngine()
    some = Admission({**COSTS, engine: ASSUMED_COSTS}, workers=2, max_final_latency_s=0.7)
    with some.session(speech=ENGINE):
        assert some.refusal(load(), speech=engine) is None
        with ExitStack() as taken:
            for _ in range(30):
                taken.enter_context(some.session(speech=engine))
            assert some.refusal(load(), speech=engine) is not None


@pytest.mark.parametrize(
    ("parameters", "costs"),
    [
        (None, ASSUMED_COSTS),
        (100, ASSUMED_COSTS),
        (WHISPER_BASE.parameters, ASSUMED_COSTS),
        (726_000_000, CallCosts(final_s=2.0, stream_share=0.6)),
    ],
)
def test_a_large_model_is_taken_for_a_dear_one_until_it_is_measured(
    parameters: int | None, costs: CallCosts
) -> None:
    found = assumed_costs(parameters)

    assert found.final_s == pytest.approx(costs.final_s, rel=1e-3)
    assert found.stream_share == pytest.approx(costs.stream_share, rel=1e-3)


def test_a_model_that_takes_long_by_itself_keeps_out_only_who_would_keep_others_waiting() -> None:
    slow = Admission(
        {ENGINE: CallCosts(final_s=0.1, stream_share=0.06), SLOW_ENGINE: SLOW_COSTS},
        workers=2,
        max_final_latency_s=0.7,
    )

    assert slow.allowed_s(load(), speech=ENGINE) == pytest.approx(0.7)
    assert slow.allowed_s(load(), speech=SLOW_ENGINE) == pytest.approx(2 * 0.6 + 0.35)
    assert 4 <= let_in(slow, SLOW_ENGINE, load()) < 20


def test_finals_of_a_slow_model_are_not_taken_for_late_ones() -> None:
    some = Admission({**COSTS, SLOW_ENGINE: SLOW_COSTS}, workers=2, max_final_latency_s=0.7)
    busy = load(engine_load(1.2, streams=1), final_latency_s=1.3)
    with some.session(speech=ENGINE):
        assert some.refusal(busy, speech=ENGINE) is not None
        with some.session(speech=SLOW_ENGINE):
            assert some.refusal(busy, speech=ENGINE) is None
        assert some.refusal(busy, speech=ENGINE) is not None


def test_workers_that_others_take_are_no_room() -> None:
    mine = admission()
    free = load(engine_load(0.5, streams=5, typical_share=0.1))
    with mine.session(speech=ENGINE):
        before = mine.expected_share(free, speech=ENGINE)
        shared = replace(free, others_share=0.5)

        assert mine.expected_share(shared, speech=ENGINE) == pytest.approx(before + 0.5)
        assert mine.refusal(free, speech=ENGINE) is None
        assert mine.refusal(replace(free, others_share=1.0), speech=ENGINE) is not None
