"""What bench/english_unchanged.py calls a difference, and which version it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.english_unchanged import (
    Heard,
    check_version,
    find_differing,
    format_differing,
    make_systems,
)
from bench.manifest import Clip
from scribewire.client import FinalResult

ROOT = Path(__file__).resolve().parents[2]
ONE, OTHER = FinalResult(text="one", offset_ms=100), FinalResult(text="one", offset_ms=120)
TAKEN_BACK = FinalResult(text="", offset_ms=90)
CLIP = Clip(
    id="a",
    path=Path("a"),
    language="en",
    reference="one",
    seconds=2.0,
    tags=frozenset(),
    ref_quality="human",
    is_derived=False,
    speaker=None,
)


def make_heard(**finals: list[FinalResult]) -> dict[str, Heard]:
    return {
        name.replace("_", " "): Heard(finals={"a": tuple(one)}, cpu_s=1.0)
        for name, one in finals.items()
    }


def test_a_final_that_differs_in_its_times_alone_is_told() -> None:
    heard = make_heard(
        before_fast=[ONE],
        after_fast=[OTHER],
        before_quality=[ONE],
        after_quality=[TAKEN_BACK, ONE],
    )

    differing = find_differing(heard)

    assert {mode: list(clips) for mode, clips in differing.items()} == {
        "fast": ["a"],
        "quality": [],
    }
    report = format_differing(differing)
    assert "fast: 1 clips whose finals differ; wanted: none" in report
    assert "quality: 0 clips" in report


def test_a_version_in_a_mode_is_a_system_with_its_cost() -> None:
    (system,) = make_systems([CLIP], make_heard(after_fast=[TAKEN_BACK, ONE, OTHER]))

    assert (system.name, system.transcripts) == ("after fast", {"a": "one one"})
    assert system.cpu_s_per_audio_s == 0.5


@pytest.mark.slow
def test_a_folder_that_holds_no_version_is_refused(tmp_path: Path) -> None:
    check_version(ROOT)  # ends the program where it does not

    with pytest.raises(SystemExit, match="no src/scribewire in it"):
        check_version(tmp_path)
