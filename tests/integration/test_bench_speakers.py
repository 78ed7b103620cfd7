"""Who speaks when, as bench/speakers.py reads it from finals and from a reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.manifest import Clip
from bench.speakers import MeasuredVad, Span, choose_clips, join_turns, read_rttm, who_speaks
from scribewire.events import Final
from scribewire.recognition.requests import FRAME_SAMPLES, VadRequest
from scribewire.testing.scripted import ScriptedVad, draw_speech
from scribewire.types import Word

FRAME_S = 0.032


def heard(picture: str) -> MeasuredVad:
    vad = MeasuredVad(ScriptedVad())
    vad.measure(VadRequest(draw_speech(picture), None))
    return vad


def test_a_final_reaches_from_its_first_word_to_its_last() -> None:
    words = tuple(
        Word(text="so", start_ms=start, end_ms=start + 200, confidence=1) for start in (100, 700)
    )
    final = Final(
        utterance=0,
        decided_sample=0,
        text="so so",
        start_sample=0,
        end_sample=16_000,
        words=words,
        speaker=2,
    )

    assert who_speaks([final], heard("." * 40)) == [Span(0.1, 0.9, "Speaker 2")]


def test_a_final_without_words_reaches_as_far_as_speech() -> None:
    finals = [
        Final(
            utterance=n,
            decided_sample=0,
            text="so",
            start_sample=0,
            end_sample=n * 10 * FRAME_SAMPLES,
            speaker=n,
        )
        for n in (1, 2)
    ]

    spans = who_speaks(finals, heard("..aaaa...." + "....bbb..."))

    assert [(span.start_s, span.end_s) for span in spans] == [
        pytest.approx((2 * FRAME_S, 6 * FRAME_S)),
        pytest.approx((14 * FRAME_S, 17 * FRAME_S)),
    ]


def test_a_final_without_a_speaker_is_nobody() -> None:
    final = Final(
        utterance=0, decided_sample=0, text="so", start_sample=0, end_sample=FRAME_SAMPLES * 5
    )

    assert who_speaks([final], heard("aaaaa")) == []


def test_a_turn_goes_on_over_a_short_pause_of_its_speaker() -> None:
    spans = [Span(0, 1, "a"), Span(2, 3, "a"), Span(5, 6, "a"), Span(6, 7, "b"), Span(7, 8, "a")]

    assert join_turns(spans) == [Span(0, 3, "a"), *spans[2:]]


def test_a_reference_is_read(tmp_path: Path) -> None:
    path = tmp_path / "clip.rttm"
    path.write_text("SPEAKER clip 1 0.5 2.25 <NA> <NA> anna <NA> <NA>\n", "utf-8")

    assert read_rttm(path) == [Span(0.5, 2.75, "anna")]


def test_a_clip_that_the_manifest_lacks_is_named() -> None:
    clip = Clip(
        id="there",
        path=Path("there.flac"),
        language="en",
        reference=None,
        seconds=1.0,
        tags=frozenset(),
        ref_quality="none",
        is_derived=False,
        speaker=None,
    )

    assert choose_clips([clip], ["there"]) == [clip]
    with pytest.raises(ValueError, match="no clip gone"):
        choose_clips([clip], ["there", "gone"])
