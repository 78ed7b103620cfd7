"""docs/security.md: each promise names tests that hold it, and these are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
TESTS: Final = ROOT / "tests"
_NAMED: Final = re.compile(r"`([\w/]+\.py)::(\w+)`")


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading, without its head."""
    text = (ROOT / "docs/security.md").read_text()
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in tree.body if isinstance(node, kinds)}


def test_each_promise_is_held_by_tests_that_are_there() -> None:
    promises = rows("What we promise")

    assert len(promises) > 20
    for promise, held_by in promises:
        named = _NAMED.findall(held_by)
        assert named, promise
        for file, name in named:
            assert (TESTS / file).is_file(), file
            assert name in names_in(TESTS / file), f"{file}::{name}"


def test_nobody_is_said_to_be_without_bounds_but_the_operator() -> None:
    unbound = [who for who, _, cannot in rows("Who can do what") if not cannot]

    assert unbound == ["the operator"]
