from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.rules import rules_for
from scribewire.testing.check_engine import check_engine
from scribewire.testing.scripted import (
    ScriptedEngine,
    ScriptedVad,
    draw_speech,
    read_speech,
    recognize,
)


@given(st.text(alphabet="abcXYZ.", max_size=80))
def test_what_is_drawn_is_read_back(picture: str) -> None:
    assert read_speech(draw_speech(picture)) == picture.replace(".", "")


def test_less_than_half_a_frame_is_not_read() -> None:
    samples = draw_speech("ab")

    assert read_speech(samples[300:]) == "b"
    assert read_speech(samples[200:]) == "ab"


@pytest.mark.parametrize("make", [ScriptedEngine, ScriptedVad])
def test_the_scripted_engines_pass_the_conformance_check(
    make: type[ScriptedEngine | ScriptedVad],
) -> None:
    check_engine(make)


def test_a_stream_is_played_to_its_end() -> None:
    events = recognize(
        Recognizer(rules_for("fast")), [draw_speech("..hello")], ScriptedVad(), ScriptedEngine()
    )

    assert [event.text for event in events] == ["hello"]
