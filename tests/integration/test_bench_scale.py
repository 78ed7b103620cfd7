"""The arithmetic of bench/scale.py: arrivals, a fleet of a few replicas, limits and prices."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("simpy", reason="the bench set is not installed")

from bench.metering import Meter, Spent
from bench.scale import main
from bench.scale_fleet import BEFORE_S, Arrivals, Fleet, Hour, draw_arrivals
from bench.scale_inputs import (
    Assumptions,
    LiveFigures,
    Measured,
    add_assumptions,
    changed,
    read_assumptions,
    read_measured,
)
from bench.scale_limits import (
    arrivals_per_s,
    find_limits,
    growing_together,
    journal_bytes_per_s,
    messages_per_s,
    shared,
    text_bytes_per_s,
)
from bench.scale_machine import MachineCurve, find_carried, mix, predict, trace, with_the_rest
from bench.scale_measure import as_machine, busy_cores_s, read_live
from bench.scale_rows import Basis, add_up_cells, price_of_gpu
from scribewire.capacity.simulation import Machine

MACHINE = Machine(workers=2, final_s=0.13, partial_s=0.06, embedding_s=0.07, vad_s=0.005)
CURVE = MachineCurve(
    machine=MACHINE,
    let_in=40,
    carried=20,
    finals_per_s=0.2,
    partials_per_s=0.5,
    lateness={1: np.array([0.1]), 2: np.array([0.2, 0.4])},
)
MEASURED = Measured(
    machine=MACHINE,
    outside_s=0.005,
    start_s=10.0,
    final_bytes=400.0,
    position_bytes=100.0,
    partial_bytes=40.0,
    wire_final_bytes=140.0,
    publishes=16_000.0,
    publish_ms=0.2,
    batches=1000.0,
    live=(LiveFigures(streams=4, final_p50=1, final_p95=2, final_p99=3, partial_interval=4),),
    circumstances={},
)
QUIET = replace(Assumptions(), node_s=20.0, patience_s=30.0)


def arrivals(*sessions: tuple[float, float]) -> Arrivals:
    at_s, length_s = zip(*sessions, strict=True)
    return Arrivals(np.array(at_s, float), np.array(length_s, float))


def test_the_peak_is_how_many_would_speak_at_once() -> None:
    come = arrivals((0, 10), (5, 10), (9.9, 1), (10, 10))

    assert come.peak == 3
    assert come.most_per_s == 0.3
    assert arrivals((0, 10), (10, 10)).peak == 1  # who leaves makes room for who comes


def test_the_same_lots_give_the_same_hour_and_all_come_about_it() -> None:
    first, again = (draw_arrivals(1000, Assumptions(), seed=3) for _ in range(2))

    assert np.array_equal(first.at_s, again.at_s)
    assert first.at_s.size == 1100  # a tenth is there from before
    assert (np.diff(first.at_s) >= 0).all()
    assert ((first.at_s > -60) & (first.at_s < 60)).mean() == pytest.approx(0.62, abs=0.04)
    assert first.most_per_s == pytest.approx(1000 * arrivals_per_s(Assumptions()), rel=0.4)


def let_pass(come: Arrivals, *, replicas: int, room: int = 2, assumed: Assumptions = QUIET) -> Hour:
    fleet = Fleet(room, assumed, warm_up_s=30.0)
    fleet.start(replicas, is_ready=True)
    return fleet.run(come, scaling="fixed", wanted=replicas)


def test_who_finds_no_place_tries_again_and_is_let_in_when_somebody_has_left() -> None:
    hour = let_pass(arrivals((0, 5), (0, 100), (1, 100)), replicas=1)

    assert (hour.sessions, hour.at_once, hour.gave_up) == (3, 2, 0)
    assert hour.waited == pytest.approx(1 / 3)
    assert hour.waits_s[:2].tolist() == [0, 0]
    assert 7.5 <= hour.waits_s[2] <= 8.5  # 3 s at the server, then what it is told to wait
    assert hour.stream_hours == pytest.approx((5 + 100 + 100) / 3600)
    assert hour.replica_hours == 1.0


def test_who_is_never_let_in_gives_up() -> None:
    hour = let_pass(arrivals((0, 1000), (0, 1000), (1, 5)), replicas=1)

    assert (hour.at_once, hour.gave_up) == (2, 1)
    assert hour.stream_hours == pytest.approx(2000 / 3600)


def test_sessions_go_to_the_replica_that_has_the_fewest() -> None:
    hour = let_pass(arrivals((0, 100), (0, 100), (0, 100)), replicas=2, room=5)

    one, two, three = hour.held_s[1:4]
    assert one == pytest.approx(100)
    assert two == pytest.approx(100)
    assert three == 0


def test_a_fleet_that_follows_its_load_is_too_late_and_one_that_knows_the_hour_is_not() -> None:
    come = draw_arrivals(200, Assumptions(), seed=1)
    hours = {}
    for scaling in ("follows", "knows the hour"):
        fleet = Fleet(10, Assumptions(), warm_up_s=60.0)
        fleet.start(3, is_ready=True)
        hours[scaling] = fleet.run(come, scaling=scaling, wanted=25)

    assert hours["follows"].waited > 0.3
    assert hours["knows the hour"].waited == 0
    assert hours["knows the hour"].replicas >= 25


def test_a_fleet_that_grows_smaller_takes_its_sessions_along() -> None:
    come = arrivals(*[(-BEFORE_S, 3600.0)] * 3, *[(-BEFORE_S + 1, 100.0)] * 17)
    fleet = Fleet(5, replace(QUIET, keep_s=60.0), warm_up_s=30.0)
    fleet.start(4, is_ready=True)

    hour = fleet.run(come, scaling="follows", wanted=4)

    assert hour.moved > 0
    assert hour.gave_up == 0
    assert hour.stream_hours == pytest.approx((3 * 3600 + 17 * 100) / 3600, rel=0.001)
    assert hour.replica_hours < 2


def test_finals_of_a_fleet_are_those_of_its_machines_each_as_often_as_it_gives_them() -> None:
    # 10 s with one stream, 5 s with two: as many finals of either, those of two streams half each
    assert mix(CURVE, [99.0, 10.0, 5.0], [49, 70, 99]) == [0.1, 0.2, 0.4]
    assert mix(CURVE, [99.0, 0.0], [50]) == [0.0]


def test_a_machine_carries_fewer_where_more_is_done_beside_its_calls() -> None:
    slow = with_the_rest(MACHINE, 0.02, 20)
    carried = [find_carried(MACHINE, cost, most=40, seconds=30) for cost in (0.0, 0.03)]

    assert slow.final_s == pytest.approx(0.13 / 0.8)
    assert 15 < carried[0] < 30
    assert carried[1] < carried[0]


@pytest.mark.slow
def test_a_machine_is_traced_up_to_what_it_lets_in() -> None:
    curve = trace(MACHINE, 0.005, seconds=30)

    assert curve.carried < curve.let_in == max(curve.lateness)
    assert curve.finals_per_s == pytest.approx(0.2, rel=0.15)
    assert curve.nearest(1) is curve.lateness[min(curve.lateness)]


def test_more_streams_and_more_beside_them_are_predicted_to_be_later() -> None:
    alone, many = (replace(MEASURED.live[0], streams=streams) for streams in (2, 25))
    disturbed = replace(alone, streams=25, others=0.5, clients=0.1)

    found = [predict(MACHINE, 0.005, one, seconds=30) for one in (alone, many, disturbed)]

    assert [one.streams for one in found] == [2, 25, 25]
    assert [one.others for one in found] == [0, 0, 0.5]
    latencies = [one.final_p95 for one in found]
    assert latencies == sorted(latencies)
    intervals = [one.partial_interval for one in found]
    assert intervals == sorted(intervals)


def test_limits_are_load_by_load_and_the_first_to_break_stands_first() -> None:
    limits = find_limits(CURVE, MEASURED, Assumptions())
    by_part = {one.part: one.streams for one in limits}

    assert [one.streams for one in limits] == sorted(one.streams for one in limits)
    assert messages_per_s(CURVE) == pytest.approx(1.2)
    assert journal_bytes_per_s(CURVE, MEASURED) == pytest.approx(0.2 * 750 + 350)
    assert text_bytes_per_s(CURVE, MEASURED) == pytest.approx(0.2 * 200 + 0.5 * 100)
    assert by_part["partials of a replica"] == 20
    assert by_part["event loop of a process"] == 120
    assert by_part["NATS: messages"] == pytest.approx(16_000 / (1.2 + 0.5 / 20))
    assert by_part["PostgreSQL: batches of use"] == 20_000
    assert by_part["PostgreSQL: connections"] == 97 * 20
    assert by_part["balancer: bandwidth"] == pytest.approx(38_676, abs=1)
    assert by_part["balancer: connections"] == 25_000
    assert by_part["balancer: table of sessions"] == pytest.approx(200_000 / 1.1)
    assert len(shared(limits)) == len(limits) - 3


@pytest.mark.parametrize(("per_pair", "expected"), [(0.0, 50.0), (1.0, 24.83)])
def test_what_grows_with_pairs_breaks_sooner(per_pair: float, expected: float) -> None:
    streams = growing_together(100.0, 2.0, per_pair=per_pair, room=3.5)

    assert streams == pytest.approx(expected, abs=0.01)
    assert 2 * streams + per_pair * (streams / 3.5) ** 2 == pytest.approx(100)


def test_a_gpu_is_bound_by_the_cores_beside_it() -> None:
    price = price_of_gpu(Basis(CURVE, MEASURED, Assumptions()))

    assert price.streams_of_gpu == 400
    assert price.streams_of_cores == pytest.approx(0.7 * 8 / 0.01)
    assert price.price == pytest.approx(1 / 400)
    assert price.cpu_price == pytest.approx(0.05 / 10)
    assert price.break_even == pytest.approx(200)


def test_cells_that_were_not_simulated_are_as_those_that_were() -> None:
    hour = Hour(
        sessions=10,
        at_once=9,
        gave_up=1,
        moved=0,
        waits_s=np.zeros(9),
        replicas=3,
        replica_hours=2.0,
        stream_hours=4.0,
        held_s=[0.0, 10.0, 5.0],
    )
    basis = Basis(CURVE, MEASURED, Assumptions())

    row = add_up_cells(60, 4, [hour, hour], basis, "follows")
    fixed = add_up_cells(60, 4, [hour, hour], basis, "fixed")

    text = 3600 * 90 / 1e9 * 0.05
    assert (row.cells, row.simulated, row.replicas) == (4, 2, 12)
    assert row.waited == pytest.approx(0.1)
    assert row.gave_up == 0.1
    assert row.final_ms == pytest.approx((600, 900, 900))
    assert row.price == pytest.approx(0.05 * 2 * 2 / 4 + text)
    assert fixed.price == pytest.approx(0.05 * 2 * 2 / 4 * 2.4 + text)  # nights are paid for too


def test_every_assumption_can_be_given_another_value() -> None:
    parser = argparse.ArgumentParser()
    add_assumptions(parser)

    usual = read_assumptions(parser.parse_args([]))
    other = read_assumptions(parser.parse_args(["--spread-s", "20", "--cell", "500"]))

    assert usual == Assumptions()
    assert (other.spread_s, other.cell) == (20.0, 500)
    assert changed(usual) == []
    assert changed(other) == ["spread_s", "cell"]


def test_calls_are_averaged_by_what_they_are_for() -> None:
    meter = Meter()
    for (kind, part), spent in {
        ("final", "encoder"): Spent(4, 2.0),
        ("final", "Python and numpy"): Spent(4, 2.0),
        ("partial", "Python and numpy"): Spent(10, 1.0),
        ("embedding", "Python and numpy"): Spent(4, 0.4),
        ("turns", "Python and numpy"): Spent(8, 0.8),
        ("VAD", "Python and numpy"): Spent(90, 0.5),
    }.items():
        meter.parts[kind, part] = spent

    machine = as_machine(meter, finals=4, heard_s=100)

    assert (machine.final_s, machine.partial_s, machine.vad_s) == (1.0, 0.1, 0.005)
    assert machine.embedding_s == pytest.approx(0.3)


def test_what_else_runs_is_read_from_the_system(tmp_path: Path) -> None:
    path = tmp_path / "stat"
    path.write_text("cpu  100 20 30 9999 999 0 5 45 0 0\ncpu0 1 2 3\n", "ascii")
    tick_s = 1 / os.sysconf("SC_CLK_TCK")

    assert busy_cores_s(path) == pytest.approx(200 * tick_s)
    assert busy_cores_s(tmp_path / "none") == 0.0


def test_live_streams_of_an_earlier_bench_are_read_in_order() -> None:
    run = {
        "system": "scribewire",
        "streams": 8,
        "distributions": {"final_ms": {"median": 14, "p95": 186, "p99": 288}},
        "partial_interval_ms": 613,
        "cpu_s_per_audio_s": 0.1,
        "client_cpu_s_per_audio_s": 0.002,
        "outside_engines": 0.08,
    }
    runs = [run, {**run, "streams": 1}, {**run, "system": "another"}]

    found = read_live({"runs": runs})

    assert [figures.streams for figures, _ in found] == [1, 8]
    assert found[1][0] == LiveFigures(
        streams=8, final_p50=14, final_p95=186, final_p99=288, partial_interval=613, clients=0.016
    )
    assert found[1][1] == pytest.approx(0.008)


def test_what_was_measured_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "measured.json"
    path.write_text(json.dumps(asdict(MEASURED)), "utf-8")

    assert read_measured(path) == MEASURED


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # matplotlib's own are not ours to answer for
def test_it_prints_keeps_and_draws_what_it_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="the bench set is not installed")
    measured, found = tmp_path / "measured.json", tmp_path / "scale.json"
    measured.write_text(json.dumps(asdict(MEASURED)), "utf-8")

    main(
        f"--streams 50,300 --cell 100 --cells 2 --measured {measured} --json {found} "
        f"--plot {tmp_path / 'scale.png'}".split()
    )

    document = json.loads(found.read_text("utf-8"))
    assert [(one["streams"], one["cells"], one["simulated"]) for one in document["rows"]] == (
        [(50, 1, 1)] * 3 + [(300, 3, 2)] * 3
    )
    assert document["changed"] == ["cell"]
    assert "balancer: bandwidth" in capsys.readouterr().out
    assert (tmp_path / "scale.png").read_bytes().startswith(b"\x89PNG")
    assert "minutes from the full hour" in (tmp_path / "scale.svg").read_text("utf-8")
