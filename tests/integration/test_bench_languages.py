"""What bench/languages.py compares, and a peer that cannot run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.comparison import compare, summarise
from bench.languages import choose_pairs, groups_of
from bench.manifest import Clip
from bench.systems import System
from bench.whisper_peer import NAME, run_whisper_peer
from tests.parts.wav import wav


def make_clip(name: str, language: str, reference: str) -> Clip:
    return Clip(
        id=name,
        path=Path(name),
        language=language,
        reference=reference,
        seconds=2.0,
        tags=frozenset(),
        ref_quality="published",
        is_derived=False,
        speaker=None,
    )


CLIPS = (
    make_clip("a", "nl", "zeventien rode huizen"),
    make_clip("b", "de", "der rote Hund bellt"),
    make_clip("c", "en", "nobody asked"),
)
SYSTEMS = (
    System(name="ours quality", transcripts={"a": "17 rode huizen", "b": "der rote Hund"}),
    System(name="ours fast", transcripts={"a": "17 rode", "b": "der rote Hund"}),
    System(name=NAME, transcripts={"a": "17 rode huizen", "b": "der rote Hund bellt"}),
)


def test_each_language_is_a_group_and_all_of_them_one_more() -> None:
    groups = groups_of(["nl", "de", "fr"])
    clips = groups[-1].clips_of(CLIPS)

    results = summarise(compare(clips, SYSTEMS), pairs=choose_pairs(SYSTEMS), groups=groups)

    assert [(one.group, one.clips, one.words) for one in results] == [
        ("nl", 1, 3),
        ("de", 1, 4),
        ("all", 2, 7),
    ]
    assert {name: total.errors for name, total in results[-1].totals.items()} == {
        "ours quality": 1,
        "ours fast": 2,
        NAME: 0,
    }


def test_ours_are_compared_with_the_peer_and_fast_with_quality() -> None:
    fast_less_quality = ("ours fast", "ours quality")

    assert choose_pairs(SYSTEMS) == [
        ("ours quality", NAME),
        ("ours fast", NAME),
        fast_less_quality,
    ]
    assert choose_pairs(SYSTEMS[:2]) == [fast_less_quality]


@pytest.mark.slow
def test_a_peer_that_cannot_be_had_is_a_note(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(bytes(32_000)))
    clip = replace(CLIPS[0], path=path)

    system = run_whisper_peer([clip], tmp_path)

    assert system.transcripts is None
    assert system.note.startswith("not measured: ")
