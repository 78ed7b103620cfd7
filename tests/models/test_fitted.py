from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from scribewire.errors import ModelFault
from scribewire.models.fitted import read_fitted, write_fitted

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    one: float
    least: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    curve: Curve
    width: int


GOOD = """{
  "numbers": {
    "curve": {
      "one": 0.5,
      "least": 1
    },
    "width": 4
  },
  "other": {
    "one": 7.0
  }
}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.json"
    path.write_text(GOOD)
    return path


def test_a_part_is_read_into_its_fields(file: Path) -> None:
    assert read_fitted(file, "numbers", Numbers) == Numbers(curve=Curve(one=0.5, least=1), width=4)


BROKEN = [
    # what stands in the good file, what in its place, what is said
    ('"numbers"', '"nombers"', "no numbers: expected it beside nombers, other"),
    ('"width": 4', '"width": 4.5', "numbers.width: input should be a valid integer"),
    ('"width": 4', '"width": "4"', "numbers.width: input should be a valid integer"),
    ('"width": 4', '"width": true', "numbers.width: input should be a valid integer"),
    ('"width": 4', '"breadth": 4', "numbers.width: field required"),
    ('"width": 4', '"width": 4, "more": 1', "numbers.more: "),
    ('"one": 0.5', '"one": null', "numbers.curve.one: input should be a valid number"),
    ('"one": 0.5', '"one": NaN', "no JSON: NaN is no number"),
    ('"one": 0.5', '"one": ', "no JSON: "),
    (GOOD, "[]", "expected an object of parts"),
    (GOOD, "", "no JSON: "),
    (GOOD, "\xff", "no JSON: "),
]


@pytest.mark.parametrize(("good", "broken", "expected"), BROKEN)
def test_a_broken_file_is_a_model_fault_that_names_the_place(
    good: str, broken: str, expected: str, file: Path
) -> None:
    file.write_bytes(GOOD.replace(good, broken).encode("latin-1"))

    with pytest.raises(ModelFault) as caught:
        read_fitted(file, "numbers", Numbers)

    assert f"fitted numbers {file}: {expected}" in str(caught.value)
    assert "reinstall scribewire" in str(caught.value)


def test_a_missing_file_is_a_model_fault(tmp_path: Path) -> None:
    with pytest.raises(ModelFault, match=r"none\.json: no such file"):
        read_fitted(tmp_path / "none.json", "numbers", Numbers)


def test_writing_a_group_changes_nothing_else(file: Path) -> None:
    write_fitted(file, ("numbers", "curve"), {"one": -0.25, "least": 2.0})

    assert file.read_text() == GOOD.replace("0.5", "-0.25").replace('least": 1', 'least": 2.0')


@pytest.mark.parametrize(
    ("group", "numbers"),
    [
        (("numbers", "curves"), {"one": 1.0, "least": 1.0}),
        (("curve",), {"one": 1.0, "least": 1.0}),
        (("numbers", "width", "one"), {"one": 1.0}),
        (("numbers", "curve"), {"one": 1.0}),
        (("numbers", "curve"), {"one": 1.0, "most": 1.0}),
    ],
)
def test_what_is_not_in_the_file_is_not_written(
    group: tuple[str, ...], numbers: dict[str, float], file: Path
) -> None:
    with pytest.raises(ModelFault, match="expected the numbers one"):
        write_fitted(file, group, numbers)

    assert file.read_text() == GOOD
