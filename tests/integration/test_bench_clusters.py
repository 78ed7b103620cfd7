"""How the drill and the measurements of a cluster judge what they saw."""

from __future__ import annotations

import asyncio
import json

import pytest

from bench import cluster_cost, cluster_outage, cluster_scaling
from bench.cluster_outage import Outage, Said
from bench.cluster_scaling import Load, Run
from bench.cut_plans import Subject
from bench.killings import Killings, Survivor, format_killings, percentile
from bench.noting_proxy import run_noting_proxy
from bench.restarted import Talk
from tests.parts.listening import run_listener

DUE = ("It was the best of times.", "It was the worst of times.")


def survivor(*listening_at: float, texts: tuple[str, ...] = DUE, failure: str = "") -> Survivor:
    talk = Talk(
        subject=Subject(kind="asyncio", mode="fast", way="pushed", clip=0),
        expected=told(DUE),
        finals=told(texts),
        failure=failure,
    )
    return Survivor(talk=talk, listening_at=listening_at)


def told(texts: tuple[str, ...]) -> tuple[str, ...]:
    numbered = enumerate(texts, 1)
    return tuple(json.dumps({"number": number, "text": text}) for number, text in numbered)


def drill(*survivors: Survivor, killed_at: tuple[float, ...] = (20.0, 40.0)) -> Killings:
    return Killings(survivors=survivors, killed_at=killed_at, seconds=60.0)


def test_a_gap_is_from_the_kill_to_the_return_of_who_was_cut_off_by_it() -> None:
    one = survivor(5.0, 20.5, 41.25)

    assert one.gaps_s((20.0, 40.0)) == (0.5, 1.25)
    assert one.other_losses((20.0, 40.0)) == 0


def test_who_was_at_another_replica_has_no_gap_and_other_losses_are_counted() -> None:
    untouched, flickering = survivor(5.0), survivor(5.0, 19.0)

    assert untouched.gaps_s((20.0,)) == ()
    assert flickering.gaps_s((20.0,)) == ()
    assert flickering.other_losses((20.0,)) == 1


def test_a_drill_in_which_all_finals_are_equal_is_passed() -> None:
    passed = drill(survivor(5.0, 20.5), survivor(5.0))

    assert passed.faults == []
    assert passed.gaps_s == [0.5]
    assert format_killings(passed).endswith("2 kills in 60 s; passed")


@pytest.mark.parametrize(
    ("one", "fault"),
    [
        (survivor(5.0, 21.0, texts=DUE[:1]), "1 sessions whose finals differ"),
        (survivor(5.0, 21.0, texts=(*DUE, DUE[1])), "1 sessions whose finals differ"),
        (survivor(5.0, 21.0, failure="TimeoutError: "), "1 sessions that did not end well"),
        (survivor(5.0), "nobody was cut off"),
    ],
)
def test_what_a_drill_finds_wrong(one: Survivor, fault: str) -> None:
    assert drill(one).faults == [fault]


def test_the_table_tells_what_differs() -> None:
    told_of = format_killings(drill(survivor(5.0, 21.0, texts=DUE[:1])))

    assert "not passed: 1 sessions whose finals differ" in told_of
    assert "instead of It was the best of times. | It was the worst of times." in told_of


@pytest.mark.parametrize(("share", "value"), [(0.0, 1.0), (0.5, 2.0), (0.75, 3.0), (1.0, 4.0)])
def test_percentiles_are_values_that_there_were(share: float, value: float) -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0], share) == value


async def test_a_noting_proxy_lets_all_through_and_notes_words_however_they_are_cut() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(5) == b"hello"
        for piece in (b'{"state":"liste', b'ning"}', b'{"state":"listening"}{"is_final":true'):
            writer.write(piece)
            await writer.drain()
            await reader.readexactly(1)

    async with run_listener(serve) as port, run_noting_proxy(port) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"hello")
        said = b""
        while piece := await reader.read(1024):
            said += piece
            writer.write(b".")
        writer.close()

    assert said == b'{"state":"listening"}' * 2 + b'{"is_final":true'
    assert len(proxy.listening_at) == 2
    assert len(proxy.finals_at) == 1
    assert proxy.connections == 1


LOAD = Load(sessions=64, finals=8, final_ms=250, workers=2)


def run(replicas: int, wall_s: float) -> Run:
    spread = (64 // replicas,) * replicas
    return Run(replicas=replicas, wall_s=wall_s, spread=spread, cpu_s={}, cores_busy=0.1)


def test_scaling_is_judged_by_medians_against_one_replica() -> None:
    assert LOAD.bound_s(1) == 64.0
    assert LOAD.bound_s(4) == 16.0

    table, efficiency = cluster_scaling.report(
        [run(1, 64.0), run(4, 16.0), run(1, 66.0), run(4, 20.0), run(1, 64.0), run(4, 16.0)], LOAD
    )

    assert efficiency == 1.0
    assert "16.00 (16.00 to 20.00)" in table


def test_the_cost_of_a_cluster_is_that_of_the_server_and_of_nats() -> None:
    rounds = [
        cluster_cost.Round(alone_s=10.0, clustered_s=10.1, nats_s=0.1),
        cluster_cost.Round(alone_s=10.0, clustered_s=9.9, nats_s=0.1),
        cluster_cost.Round(alone_s=10.0, clustered_s=10.4, nats_s=0.1),
    ]

    told_of = cluster_cost.report(rounds, streams=4, seconds=10.0)

    assert "+2.00% (median of 3 rounds, +0.00% to +5.00%" in told_of
    assert "0.2500 of a core alone; in a cluster 0.2525, and NATS 0.0025" in told_of


def said(*finals: str, late_s: float = 0.0, failure: str = "") -> Said:
    after_s = tuple(number + late_s for number, _ in enumerate(finals, 1))
    return Said(kind="raw", finals=finals, after_s=after_s, failure=failure)


def outage(one: Said, then: Said, *, back_s: float | None = 1.0) -> Outage:
    return Outage(
        undisturbed=(said("a", "b"),),
        disturbed=(one,),
        back_s=back_s,
        followed=(then,),
        expected_then=(said("c"),),
        log_errors=(),
    )


@pytest.mark.parametrize(
    ("seen", "faults"),
    [
        (outage(said("a", "b", late_s=2.0), said("c")), []),
        (outage(said("a"), said("c")), ["finals differ"]),
        (outage(said("a", "b", failure="TimeoutError: "), said("c")), ["finals differ"]),
        (outage(said("a", "b", late_s=7.0), said("c")), ["a final came 7.0 s late"]),
        (outage(said("a", "b"), said("d")), ["finals differ afterwards"]),
    ],
)
def test_what_an_outage_of_nats_may_do_is_to_keep_finals_for_a_moment(
    seen: Outage, faults: list[str]
) -> None:
    assert seen.faults == faults


def test_an_outage_is_told_in_words() -> None:
    told_of = cluster_outage.report(outage(said("a", "b", late_s=2.0), said("c")))

    assert "1 of 1 sessions equal, finals at most 2.0 s later" in told_of
    assert "back after 1.0 s" in told_of
    assert told_of.endswith("passed")
