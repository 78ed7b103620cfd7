from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from bench.mutants import mutate, read_scripts
from bench.mutations import run_mutations


def test_the_same_seed_makes_the_same_mutants() -> None:
    for script in read_scripts():
        first, second, other = (mutate(script, Random(seed)).frames for seed in (1, 1, 2))

        assert first == second
        assert other is not first


@pytest.mark.slow
async def test_whatever_a_client_sends_the_server_logs_no_traceback_and_keeps_nothing(
    tmp_path: Path,
) -> None:
    report = await run_mutations(200, 7, tmp_path)

    assert report.errors == ()
    assert report.is_good, report
