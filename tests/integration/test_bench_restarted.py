from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bench.cut_plans import Subject
from bench.restarted import Journaled, Restart, Talk, Words, format_restarts

SUBJECT = Subject(kind="asyncio", mode="fast", way="pushed", clip=0)
SAID = ("Ever tried.", "Ever failed.", "No matter.")


def finals(*texts: str, first: int = 1) -> tuple[str, ...]:
    return tuple(
        json.dumps({"text": text, "number": number}) for number, text in enumerate(texts, first)
    )


def talk(*texts: str, first: int = 1) -> Talk:
    return Talk(subject=SUBJECT, expected=finals(*SAID), finals=finals(*texts, first=first))


JOURNALED = Journaled(state="complete", texts=SAID, numbers=(1, 2, 3))
GOOD = Restart(name="killed", talks=(talk(*SAID),), closes={1000: 1}, journal=(JOURNALED,))


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (SAID, Words(said=6)),
        (("Ever tried. Ever", "failed, no matter"), Words(said=6)),  # cut elsewhere
        (("Ever tried.", "No matter."), Words(said=6, lost=2)),
        ((*SAID[:2], *SAID[1:]), Words(said=6, added=2)),
        (("Ever tried.", "Ever sailed.", "No matter."), Words(said=6, changed=1)),
    ],
)
def test_words_are_compared_wherever_finals_begin(texts: tuple[str, ...], words: Words) -> None:
    assert talk(*texts).words == words


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"talks": (talk(*SAID[1:]),), "journal": None}, "2 words lost"),
        ({"talks": (talk(*SAID, "matter"),), "journal": None}, "1 words added"),
        (
            {"talks": (replace(talk(*SAID, first=2), expected=finals(*SAID, first=2)),)},
            "finals that are not numbered from 1 on",
        ),
        (
            {"talks": (replace(talk(*SAID), expected=finals("Ever tried!", *SAID[1:])),)},
            "finals that an undisturbed run does not say",
        ),
        (
            {"talks": (replace(talk(*SAID), failure="closed"),)},
            "sessions that did not end well",
        ),
        ({"closes": {1000: 1, 1011: 1}}, "closes other than [1000, 1012, 4409]"),
        ({"exit_code": 1}, "exit code 1"),
        ({"log_errors": ("no",)}, "errors in a log"),
        ({"journal": ()}, "the journal differs from what clients were told"),
        (
            {"journal": (replace(JOURNALED, numbers=(1, 2, 2)),)},
            "the journal differs from what clients were told",
        ),
        (
            {"journal": (replace(JOURNALED, state="cut off"),)},
            "the journal differs from what clients were told",
        ),
        (
            {"journal": (replace(JOURNALED, texts=SAID[:2]),)},
            "the journal differs from what clients were told",
        ),
    ],
)
def test_whatever_is_missed_is_a_fault(changed: dict[str, object], fault: str) -> None:
    one = replace(GOOD, **changed)  # type: ignore[arg-type] # each is a field of it

    assert GOOD.is_passed
    assert replace(GOOD, journal=(replace(JOURNALED, state="drained"),)).is_passed
    assert one.faults == [fault]
    assert f"not passed: {fault}" in format_restarts([one])


def test_pages_are_told_no_numbers() -> None:
    unnumbered = tuple(json.dumps({"text": text}) for text in SAID)
    one = replace(talk(), finals=unnumbered)

    assert not one.is_numbered
    assert replace(one, subject=replace(SUBJECT, kind="browser")).is_numbered


def test_the_report_tells_each_client_and_what_it_has_missed() -> None:
    planned = Restart(
        name="planned", talks=(talk(*SAID), talk("Ever tried.")), ended_s=7.0, moved=2
    )

    told = format_restarts([planned, GOOD])

    assert "planned, pushed, asyncio, fast" in told
    assert "Ever tried.\n  instead of Ever tried. | Ever failed. | No matter." in told
    assert (
        "planned: ended within 7 s, 2 sessions moved; closes none; not passed: 4 words lost" in told
    )
    assert told.endswith("killed: closes 1 x 1000; passed")
