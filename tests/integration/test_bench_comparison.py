from pathlib import Path

import pytest

from bench.accuracy import choose_pairs, describe, format_report, parse_options
from bench.comparison import GroupResult, compare, summarise
from bench.manifest import Clip
from bench.scoring import WordErrors
from bench.systems import System


def make_clip(name: str, reference: str, *tags: str) -> Clip:
    return Clip(
        id=name,
        path=Path(name),
        language="en",
        reference=reference,
        seconds=2.0,
        tags=frozenset(tags),
        ref_quality="human",
        is_derived=False,
        speaker=None,
    )


CLIPS = (
    make_clip("a", "red green blue black"),
    make_clip("b", "go left now please", "very-quiet"),
    make_clip("c", "", "no-speech"),
)
SYSTEMS = (
    System(
        name="ours fast",
        transcripts={"a": "red green blue", "b": "go right now please", "c": "you and me"},
        cpu_s_per_audio_s=0.0512,
    ),
    System(name="whole clip", transcripts={"a": "red green blue black", "b": "", "c": ""}),
    System(name="peer", note="not measured: no PortAudio"),
)
REPORT = """\
word error rate, %  clips  words          ours fast            whole clip  peer
------------------  -----  -----  -----------------  --------------------  ----
core                    1      4  25.0 [25.0, 25.0]        0.0 [0.0, 0.0]     -
very-quiet              1      4  25.0 [25.0, 25.0]  100.0 [100.0, 100.0]     -
no-speech               1      0         3 invented            0 invented     -

difference, points  ours fast - whole clip  ours fast - peer
------------------  ----------------------  ----------------
core                  +25.0 [+25.0, +25.0]                 -
very-quiet            -75.0 [-75.0, -75.0]                 -

ours fast: 0.051 CPU seconds of its process per second of speech (finals only)
peer: not measured: no PortAudio"""


def test_groups_pool_the_errors_of_the_systems_that_ran() -> None:
    results = summarise(compare(CLIPS, SYSTEMS), pairs=choose_pairs(SYSTEMS))

    assert [result.group for result in results] == ["core", "very-quiet", "no-speech"]
    assert results[2] == GroupResult(
        group="no-speech",
        clips=1,
        words=0,
        totals={"ours fast": WordErrors(insertions=3), "whole clip": WordErrors()},
        rates={},
        differences={},
    )


def test_the_report_shows_rates_differences_and_what_did_not_run() -> None:
    comparison = compare(CLIPS, SYSTEMS)
    pairs = choose_pairs(SYSTEMS)

    report = format_report(comparison, summarise(comparison, pairs=pairs), pairs)

    assert report == REPORT


def test_the_document_keeps_every_clip_with_every_hypothesis() -> None:
    comparison = compare(CLIPS, SYSTEMS)

    document = describe(comparison, summarise(comparison, pairs=[]))

    clips = document["clips"]
    assert isinstance(clips, list)
    assert clips[1] == {
        "id": "b",
        "seconds": 2.0,
        "tags": ["very-quiet"],
        "is_derived": False,
        "reference": "go left now please",
        "hypotheses": {
            "ours fast": {
                "text": "go right now please",
                "words": 4,
                "substitutions": 1,
                "deletions": 0,
                "insertions": 0,
            },
            "whole clip": {
                "text": "",
                "words": 4,
                "substitutions": 0,
                "deletions": 4,
                "insertions": 0,
            },
        },
    }


def test_both_types_are_measured_one_after_the_other() -> None:
    options = parse_options(["--manifest", "m.jsonl", "--type", "both", "--streams", "2"])

    assert (options.manifest, options.modes, options.streams) == (
        Path("m.jsonl"),
        ("fast", "quality"),
        2,
    )


def test_no_stream_at_all_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_options(["--manifest", "m.jsonl", "--streams", "0"])

    assert "--streams 0: expected at least 1" in capsys.readouterr().err
