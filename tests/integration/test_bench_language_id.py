"""The samples of bench/language_id.py, what is found in them, and how claims are counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.bootstrap import wilson
from bench.language_id import format_report
from bench.language_trials import (
    Sample,
    Tally,
    Trial,
    find_any,
    find_restricted,
    make_samples,
    pair_up,
    speech_end,
    tally,
    try_mixed,
)
from bench.manifest import Clip
from scribewire.engines.engines import Engines
from scribewire.recognition.requests import FRAME_SAMPLES, DecodeRequest, DecodeResult
from scribewire.testing.scripted import (
    SCRIPTED_TRAITS,
    ScriptedEngine,
    ScriptedVad,
    draw_pcm,
    draw_speech,
)
from tests.parts.wav import wav

THREE_S = 94  # frames, rounded up


class Listener(ScriptedEngine):
    """Takes capital letters for Dutch and small ones for English."""

    traits = replace(SCRIPTED_TRAITS, languages=frozenset({"en", "nl"}), tells_language=True)

    def decode(self, request: DecodeRequest) -> DecodeResult:
        """Say the language too."""
        hypothesis = super().decode(request).hypothesis
        assert hypothesis is not None
        language = "nl" if hypothesis.text.isupper() else "en"
        return DecodeResult(replace(hypothesis, language=language))


def make_clip(folder: Path, name: str, picture: str, language: str = "nl") -> Clip:
    path = folder / f"{name}.wav"
    path.write_bytes(wav(draw_pcm(picture)))
    return Clip(
        id=name,
        path=path,
        language=language,
        reference=None,
        seconds=1.0,
        tags=frozenset(),
        ref_quality="none",
        is_derived=False,
        speaker="anna",
    )


def test_short_clips_of_one_speaker_are_joined_until_there_is_enough(tmp_path: Path) -> None:
    pictures = {"a": "A" * 50, "b": "B" * 100, "c": "." * 9 + "C" * 50, "d": "D" * 50}
    clips = [make_clip(tmp_path, name, picture) for name, picture in pictures.items()]
    others = [
        replace(clips[1], language="es"),
        replace(clips[1], is_derived=True),
        replace(clips[1], tags=frozenset({"no-speech"})),
    ]

    samples = list(make_samples([*clips, *others], ScriptedVad()))

    assert [one.name for one in samples] == ["b", "a + c"]


def test_three_seconds_of_speech_end_where_they_have_been_heard() -> None:
    picture = "." * 20 + "A" * 40 + "." * 10 + "A" * 60

    end = speech_end(draw_speech(picture), ScriptedVad())

    assert end == (THREE_S + 30) * FRAME_SAMPLES
    assert speech_end(draw_speech("A" * (THREE_S - 1)), ScriptedVad()) is None


def test_what_the_engine_says_is_found_and_nothing_else() -> None:
    assert find_restricted(Listener(), draw_speech("HALLO")) == "nl"
    assert find_restricted(ScriptedEngine(), draw_speech("HALLO")) is None
    assert find_any(Listener(), draw_speech("HALLO")) is None


def test_finals_are_counted_by_where_they_begin() -> None:
    dutch = Sample("a", "nl", draw_speech("." * 20 + "HALLO" * 5 + "." * 20))
    english = Sample("b", "en", draw_speech("." * 5 + "hello" * 5))
    engines = Engines(ScriptedVad(), (Listener(),))

    assert try_mixed(dutch, english, engines) == (Tally(right=1), Tally(right=1))
    called_french = replace(english, language="fr")
    assert try_mixed(dutch, called_french, engines) == (Tally(right=1), Tally(wrong=1))


def test_no_claim_is_no_wrong_claim() -> None:
    assert tally(("nl", None, "en", "nl"), "nl") == Tally(right=2, wrong=1, silent=1)


def test_each_two_languages_follow_each_other_both_ways() -> None:
    samples = [Sample(name, name[:2], draw_speech("A")) for name in ("en1", "en2", "nl1")]

    pairs = [(first.name, second.name) for first, second in pair_up(samples, 2)]

    assert pairs == [("en1", "nl1"), ("en2", "nl1"), ("nl1", "en1"), ("nl1", "en2")]


def test_a_share_has_an_interval_where_all_is_right() -> None:
    found = wilson(20, 20)

    assert [found.value, found.high] == pytest.approx([100, 100])
    assert found.low == pytest.approx(83.9, abs=0.1)
    assert wilson(9, 10).low == pytest.approx(59.6, abs=0.1)


def test_the_report_counts_what_was_found_and_lists_what_was_not() -> None:
    good = Trial(
        name="good",
        language="nl",
        seconds=4,
        of_four_3s="nl",
        of_four="nl",
        of_any_3s=None,
        of_any=None,
        finals=("nl", None),
    )
    bad = replace(good, name="bad", of_four="de", finals=("de",))

    report = format_report([good, bad], {"nl then en": (Tally(right=1), Tally(wrong=2))}, {})

    lines = [" ".join(line.split()) for line in report.splitlines()]
    assert "nl 2 2 of 2: 100.0 [34.2, 100.0] 1 of 2: 50.0 [9.5, 90.5] - - 1, 1, 1" in lines
    assert [line for line in lines if line.startswith("bad")] == ["bad nl nl de - - de"]
    assert not any(line.startswith("good") for line in lines)
    assert "nl then en 1, 0, 0 0, 2, 0" in lines
