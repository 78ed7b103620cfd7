"""The arithmetic of bench/costs.py, with scripted engines."""

from __future__ import annotations

import pytest

from bench.costs import Ending, Replay, format_costs, format_latency, latencies_ms, watched_endings
from bench.metering import Meter, Spent
from scribewire.engines.engines import Engines
from scribewire.engines.protocols import Voices
from scribewire.events import Final
from scribewire.recognition.endpointer import UtteranceCut, UtteranceEnded
from scribewire.recognition.recognizer import Recognizer
from scribewire.testing.scripted import (
    ScriptedEngine,
    ScriptedVad,
    ScriptedVoices,
    draw_speech,
    scripted_rules,
)

CHUNK = 320


def final(number: int, *, speaker: int | None = None) -> Final:
    return Final(
        utterance=number, text="a", start_sample=0, end_sample=0, decided_sample=0, speaker=speaker
    )


def test_a_stream_gives_its_finals_with_the_time_of_each() -> None:
    voices = ScriptedVoices()
    engines = Engines(ScriptedVad(), (ScriptedEngine(),), Voices(voices, voices))
    meter = Meter()
    replay = Replay(Recognizer(scripted_rules(speakers=True)), engines, meter, 2)
    samples = draw_speech(("..." + "hello" * 12 + "." * 25) * 2)

    with watched_endings() as endings:
        replay.play(samples, CHUNK)

    assert [f.text for f, _ in replay.finals] == ["hello" * 12] * 2
    assert [ending.kind for ending in endings] == [UtteranceEnded] * 2
    assert len(latencies_ms(replay.finals, endings, CHUNK)) == 1  # the last one is left out
    kinds = {kind for kind, _ in meter.parts}
    assert kinds == {"VAD", "turns", "embedding", "final", "partial", "recognizer"}
    assert "embedding" in format_costs(meter, 1.0)


def test_latency_counts_from_the_arrival_of_the_last_sample_of_the_silence() -> None:
    endings = [Ending(UtteranceEnded, 16_000), Ending(UtteranceCut, 32_000)]
    endings += [Ending(UtteranceEnded, 48_001), Ending(UtteranceEnded, 64_000)]
    finals = [(final(0), 1.05), (final(1), 2.5), (final(2), 3.1), (final(3), 4.5)]

    assert latencies_ms(finals, endings, CHUNK) == pytest.approx([50, 80])


@pytest.mark.parametrize(("latencies", "expected"), [([], "no final"), ([1.0, 3.0], "median 2")])
def test_the_line_about_latency(latencies: list[float], expected: str) -> None:
    assert expected in format_latency(latencies)


def test_what_is_inside_another_part_counts_there_only() -> None:
    meter = Meter(iter([0.0, 1.0, 5.0, 7.0]).__next__)

    with meter.request("final"), meter.part("inner"):
        pass

    outer, inner = meter.parts["final", "Python and numpy"], meter.parts["final", "inner"]
    assert (outer, inner) == (Spent(1, 3.0), Spent(1, 4.0))
