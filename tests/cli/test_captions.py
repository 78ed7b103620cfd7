from __future__ import annotations

import pytest

from scribewire.cli.captions import Captions, format_time
from scribewire.cli.options import Format
from scribewire.protocol.results import FinalResult, PartialResult, ResultMessage


def partial(text: str) -> PartialResult:
    return PartialResult(text=text, offset_ms=500)


def final(text: str) -> FinalResult:
    return FinalResult(text=text, offset_ms=1500)


CASES: list[tuple[Format, list[ResultMessage], list[tuple[str | None, str]]]] = [
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
]
IDS = [
    "a partial is only live",
    "a final takes the place of its partial",
    "an empty final takes the partial back",
    "json is the wire's messages",
]


@pytest.mark.parametrize(("output", "results", "expected"), CASES, ids=IDS)
def test_what_results_look_like(
    output: Format, results: list[ResultMessage], expected: list[tuple[str | None, str]]
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


@pytest.mark.parametrize(("ms", "text"), [(0, "0:00"), (65_900, "1:05"), (3_723_000, "1:02:03")])
def test_positions_are_written_as_people_do(ms: int, text: str) -> None:
    assert format_time(ms) == text
