from __future__ import annotations

import pytest

from scribewire.sources.faults import SourceFault
from scribewire.sources.hls.variables import MAX_FILLED_CHARACTERS, Variables

QUERY = "token=a%2Bb&&empty=&token=second&x"


def defined(*tags: dict[str, str]) -> Variables:
    variables = Variables(QUERY, {"base": "https://cdn.example"})
    for tag in tags:
        variables.define(tag)
    return variables


# Tags, what is filled in, what comes of it.
FILLED = [
    ([{"NAME": "a", "VALUE": "1"}], "{$a}/{$a}.ts", "1/1.ts"),
    ([{"NAME": "a", "VALUE": ""}], "x{$a}y", "xy"),
    ([{"NAME": "A-b_2", "VALUE": "1"}], "{$A-b_2}", "1"),
    ([{"IMPORT": "base"}], "{$base}/a.ts", "https://cdn.example/a.ts"),
    ([{"QUERYPARAM": "token"}], "a.ts?token={$token}", "a.ts?token=a%2Bb"),
    ([{"NAME": "a", "VALUE": "{$b}"}, {"NAME": "b", "VALUE": "1"}], "{$a}", "{$b}"),  # once only
    ([], "{a} {$} {$a b} ${a} {$", "{a} {$} {$a b} ${a} {$"),  # no references
    ([], "", ""),
]


@pytest.mark.parametrize(("tags", "text", "expected"), FILLED)
def test_references_give_way_to_values(
    tags: list[dict[str, str]], text: str, expected: str
) -> None:
    assert defined(*tags).fill(text) == expected


def test_all_attributes_are_filled_in() -> None:
    variables = defined({"NAME": "a", "VALUE": "1"})

    assert variables.fill_all({"URI": "{$a}", "X": "y"}) == {"URI": "1", "X": "y"}
    assert variables.values == {"a": "1"}


# Tags, why they are refused.
REFUSED = [
    ([{"NAME": "a"}], "variable a, which is not defined"),
    ([{"IMPORT": "other"}], "variable other, which is not defined"),
    ([{"QUERYPARAM": "other"}], "variable other, which is not defined"),
    ([{"QUERYPARAM": "empty"}], "variable empty, which is not defined"),
    ([{"QUERYPARAM": "x"}], "variable x, which is not defined"),
    ([{}], "variable without a name, which is not defined"),
    ([{"IMPORT": "\x1b[2J" + "x" * 99}], "variable ??2J" + "x" * 36 + ", which"),
    ([{"NAME": "a", "VALUE": "1"}, {"IMPORT": "base"}, {"NAME": "a", "VALUE": "1"}], "a twice"),
]


@pytest.mark.parametrize(("tags", "expected"), REFUSED, ids=repr)
def test_a_variable_that_stands_for_nothing_is_refused(
    tags: list[dict[str, str]], expected: str
) -> None:
    with pytest.raises(SourceFault) as caught:
        defined(*tags)

    assert expected in caught.value.message


def test_a_reference_to_nothing_is_refused() -> None:
    with pytest.raises(SourceFault, match="uses the variable later, which is not defined"):
        defined({"NAME": "a", "VALUE": "1"}).fill("{$a}{$later}")


def test_little_text_does_not_become_much() -> None:
    variables = defined({"NAME": "a", "VALUE": "x" * 1024})
    for _ in range(4):
        variables.fill("{$a}" * (MAX_FILLED_CHARACTERS // 4096))
    with pytest.raises(SourceFault, match="too long where its variables are filled in"):
        variables.fill("{$a}")
    with pytest.raises(SourceFault, match="too long where its variables are filled in"):
        defined({"NAME": "a", "VALUE": "x" * 1000}).fill("{$a}" * 1_000_000)
