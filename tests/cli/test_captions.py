from __future__ import annotations

import pytest

from scribewire.cli.captions import Captions, TranscriptFormat, format_time
from scribewire.protocol.results import FinalResult, PartialResult, ResultMessage
from scribewire.types import Word


def partial(text: str) -> PartialResult:
    return PartialResult(text=text, offset_ms=500)


def final(text: str, language: str | None = None) -> FinalResult:
    return FinalResult(text=text, offset_ms=1500, language=language)


CASES: list[tuple[TranscriptFormat, list[ResultMessage], list[tuple[str | None, str]]]] = [
    # format, results, (line for good, live text) after each
    ("text", [partial("so it")], [(None, "so it")]),
    (
        "text",
        [partial("so it"), final("So it is.")],
        [(None, "so it"), ("So it is.", "")],
    ),
    (
        "text",
        [partial("uh"), final("")],
        [(None, "uh"), (None, "")],
    ),
    (
        "json",
        [partial("só it"), final("Só it is.")],
        [
            ('{"text":"só it","is_final":false,"offset_ms":500}', ""),
            ('{"text":"Só it is.","is_final":true,"offset_ms":1500}', ""),
        ],
    ),
    ("text", [final("Zo is het.", "nl")], [("Zo is het.", "")]),
    (
        "json",
        [final("Zo is het.", "nl")],
        [('{"text":"Zo is het.","is_final":true,"offset_ms":1500,"language":"nl"}', "")],
    ),
]
IDS = [
    "a partial is only live",
    "a final takes the place of its partial",
    "an empty final takes the partial back",
    "json is the wire's messages",
    "a language is not text",
    "a language is in the wire's message",
]


@pytest.mark.parametrize(("output", "results", "expected"), CASES, ids=IDS)
def test_what_results_look_like(
    output: TranscriptFormat, results: list[ResultMessage], expected: list[tuple[str | None, str]]
) -> None:
    captions = Captions(output)

    shown = [(captions.receive(result), captions.live) for result in results]

    assert shown == expected


@pytest.mark.parametrize(
    ("results", "has_speech"),
    [([], False), ([partial("uh"), final("")], False), ([final("So."), final("")], True)],
    ids=["nothing", "a mistake", "a word"],
)
def test_speech_is_a_final_with_text(results: list[ResultMessage], has_speech: bool) -> None:
    captions = Captions("text")

    for result in results:
        captions.receive(result)

    assert captions.has_speech is has_speech


SAID = FinalResult(
    text="R&D it is.",
    offset_ms=66_000,
    words=tuple(
        Word(text=text, start_ms=65_000 + at, end_ms=65_400 + at, confidence=1.0)
        for at, text in [(0, "R&D"), (400, "it"), (800, "is.")]
    ),
    speaker="Speaker 1",
)
WRITTEN: list[tuple[TranscriptFormat, bool, str]] = [
    ("text", False, "[1:05] R&D it is.\n"),
    ("text", True, "[1:05] Speaker 1: R&D it is.\n"),
    ("srt", False, "1\n00:01:05,000 --> 00:01:06,200\nR&D it is.\n\n"),
    ("srt", True, "1\n00:01:05,000 --> 00:01:06,200\nSpeaker 1: R&D it is.\n\n"),
    ("vtt", False, "WEBVTT\n\n00:01:05.000 --> 00:01:06.200\nR&amp;D it is.\n\n"),
    ("vtt", True, "WEBVTT\n\n00:01:05.000 --> 00:01:06.200\n<v Speaker 1>R&amp;D it is.\n\n"),
]


@pytest.mark.parametrize(("output", "speakers", "expected"), WRITTEN)
def test_times_and_speakers_are_written_as_each_format_has_them(
    output: TranscriptFormat, speakers: bool, expected: str
) -> None:
    captions = Captions(output, times=output == "text", speakers=speakers)

    written = [captions.begin(), captions.receive(SAID), captions.finish()]

    assert "".join(f"{lines}\n" for lines in written if lines is not None) == expected


@pytest.mark.parametrize(("ms", "text"), [(0, "0:00"), (65_900, "1:05"), (3_723_000, "1:02:03")])
def test_positions_are_written_as_people_do(ms: int, text: str) -> None:
    assert format_time(ms) == text
