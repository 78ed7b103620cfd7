from __future__ import annotations

from collections import Counter

import pytest

from bench.cut_clients import PAGES
from bench.cut_plans import (
    KINDS,
    MOMENTS,
    MOST_CUTS,
    CutSession,
    Heard,
    Kind,
    Round,
    Subject,
    Way,
    format_rounds,
    plan_sessions,
)
from bench.cuts_drill import Stage, open_clients, say_all
from bench.paced_clips import serve_paced
from scribewire.testing.running import KEYS, run_server
from scribewire.testing.scripted import draw_pcm
from scribewire.types import Mode
from tests.parts.cutting_proxy import Cut

SAID = "..hello" + "." * 20 + "again" + "." * 20 + "third" + "." * 25
MODES: tuple[Mode, ...] = ("fast", "quality")
AUDIO_BYTES = (160_000, 240_000)
SUBJECT = Subject(kind="raw", mode="fast", way="pushed", clip=0)


def planned(seed: int = 1, *, way: Way = "pushed", count: int = 400) -> list[CutSession]:
    return list(
        plan_sessions(seed, count, way=way, kinds=KINDS, modes=MODES, clip_bytes=AUDIO_BYTES)
    )


def test_plans_are_those_of_their_seed() -> None:
    assert planned(1) == planned(1) != planned(2)


@pytest.mark.parametrize("way", ["pushed", "pulled"])
def test_each_client_and_mode_has_its_share_and_every_moment_is_cut(way: Way) -> None:
    sessions = planned(way=way)
    shares = Counter((one.subject.kind, one.subject.mode) for one in sessions)
    cuts = [len(one.cuts) + (one.closing_s is not None) for one in sessions]
    names = {cut.name for one in sessions for cut in one.cuts}

    assert set(shares.values()) == {50}
    assert len(shares) == 8
    assert set(cuts) == set(range(1, MOST_CUTS + 1))
    assert names == set(MOMENTS)
    assert any(one.closing_s is not None for one in sessions) is (way == "pushed")


@pytest.mark.parametrize("way", ["pushed", "pulled"])
def test_no_session_is_cut_before_there_is_one(way: Way) -> None:
    firsts = [one.cuts[0] for one in planned(way=way) if one.cuts]

    assert not any(cut.is_at_accept or cut.after_answered is not None for cut in firsts)
    assert not any(cut.at_words == b'"state":"listening"' for cut in firsts)
    assert all(cut.after_sent is None or cut.after_sent >= 2000 for cut in firsts)


TWO = ("a", "b")
JUDGED = [
    ("all as it should be", ("a", "b"), "", (True, 0, 0)),
    ("one is lost", ("a",), "", (False, 0, 1)),
    ("one came twice", ("a", "a", "b"), "", (False, 1, 0)),
    ("another one", ("a", "c"), "", (False, 0, 1)),
    ("another one, twice", ("a", "c", "c"), "", (False, 1, 1)),
    ("another order", ("b", "a"), "", (False, 0, 0)),
    ("an end with an error", ("a", "b"), "closed", (False, 0, 0)),
]


def heard(
    finals: tuple[str, ...] = TWO, failure: str = "", *, expected: tuple[str, ...] = TWO
) -> Heard:
    return Heard(
        session=CutSession(subject=SUBJECT, cuts=(Cut(name="final"),)),
        made={"final": 2, "closing": 1},
        connections=4,
        expected=expected,
        finals=finals,
        failure=failure,
    )


@pytest.mark.parametrize(("finals", "failure", "judged"), [one[1:] for one in JUDGED])
def test_what_was_heard_is_judged(
    finals: tuple[str, ...], failure: str, judged: tuple[bool, int, int]
) -> None:
    one = heard(finals, failure)

    assert (one.is_equal, one.twice, one.lost) == judged


def test_what_is_said_twice_may_be_heard_twice() -> None:
    assert heard(("a", "a"), expected=("a", "a")).twice == 0
    assert heard(("a", "a", "a"), expected=("a", "a")).twice == 1


def test_the_report_tells_what_differs() -> None:
    good = Round(way="pushed", at_once=1, heard=(heard(), heard()), seconds=10.0)
    bad = Round(way="pulled", at_once=16, heard=(heard(), heard(("a", "c"))), seconds=10.0)
    logged = Round(way="pulled", at_once=16, heard=(heard(),), seconds=1.0, log_errors=("no",))

    assert format_rounds([good]).endswith("\npassed")
    assert "pushed, 1, all in 10 s" in format_rounds([good])
    told = format_rounds([good, bad])
    assert told.endswith("\nnot passed")
    assert "2 finals of 2" in told
    assert "instead of b" in told
    assert format_rounds([logged]).endswith("no\nnot passed")


CUTS = (
    (),
    (Cut(at_words=b'"number":1', name="between"),),
    (Cut(at_words=b'"is_final":true', name="final"), Cut(is_at_accept=True, name="accept")),
    (
        Cut(at_words=b'"state":"stopped"', name="closing"),
        Cut(at_words=b'"state":"listening"', name="listening"),
        Cut(after_answered=0, name="handshake"),
        Cut(at_words=b'"state":"stopped"', more_bytes=1, name="closing"),
    ),
)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["pushed", "pulled"])
@pytest.mark.parametrize("kind", KINDS)
async def test_sessions_are_cut_as_planned_and_nothing_is_missed(kind: Kind, way: Way) -> None:
    clips, piece_s = [draw_pcm(SAID)], 0.005
    subject = Subject(kind=kind, mode="fast", way=way, clip=0)
    sessions = [CutSession(subject=subject, cuts=cuts) for cuts in CUTS]
    if way == "pushed":
        audio = Cut(after_sent=60_000, name="message")
        sessions.append(CutSession(subject=subject, cuts=(audio,), closing_s=0.0))
    async with (
        open_clients([kind]) as clients,
        run_server(allow_source=("127.0.0.1",), allow_origin=(PAGES,)) as server,
        serve_paced(clips, piece_s=piece_s) as origin,
    ):
        stage = Stage(
            key=KEYS[0],
            port=server.address.port,
            clips=clips,
            origin=origin,
            clients=clients,
            piece_s=piece_s,
        )
        found, _ = await say_all(stage, sessions, 2)

    assert [one.failure for one in found] == [""] * len(sessions)
    assert all(one.is_equal and len(one.finals) == 3 for one in found)
    assert [sum(one.made.values()) for one in found[:3]] == [0, 1, 2]
    assert found[3].made["closing"] >= 1
