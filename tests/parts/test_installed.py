from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from unittest import SkipTest

import pytest

from tests.parts.installed import NEEDS_PARTS, PartMissing, find_part, need_part

NOWHERE = "a-program-that-nobody-has"


def test_a_program_on_the_path_is_found() -> None:
    assert find_part("sh").endswith("/sh")


def test_a_missing_one_is_told_with_what_to_do() -> None:
    with pytest.raises(PartMissing, match=f"{NOWHERE} is missing: install it"):
        find_part(NOWHERE)


def test_a_missing_part_skips_the_test_on_a_developers_machine() -> None:
    with pytest.raises(SkipTest, match=f"{NOWHERE} is missing"):
        need_part("sh", NOWHERE, environment={})


def test_a_missing_part_fails_the_test_in_continuous_integration() -> None:
    with pytest.raises(PartMissing, match=f"{NOWHERE} is missing"):
        need_part("sh", NOWHERE, environment={NEEDS_PARTS: "1"})


TESTS = f"""
import pytest
from tests.parts.installed import need_part

@pytest.fixture
def part():
    need_part("{NOWHERE}")

def test_in_the_test():
    need_part("{NOWHERE}")

def test_in_a_fixture(part):
    raise AssertionError
"""


@pytest.mark.slow
@pytest.mark.parametrize(("needed", "told"), [("", "2 skipped"), ("1", "1 failed, 1 error")])
def test_pytest_understands_it(needed: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(tmp_path)],
        env={**os.environ, NEEDS_PARTS: needed},
        capture_output=True,
        text=True,
        check=False,
    )

    assert told in done.stdout.splitlines()[-1]
