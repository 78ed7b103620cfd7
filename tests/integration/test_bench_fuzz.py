from __future__ import annotations

from pathlib import Path

import pytest

from bench.core_fuzz import CoreFinding, fuzz_core
from bench.fuzz import fuzz_server
from scribewire.grants import Grant
from scribewire.protocol.policy import ServerPolicy


@pytest.mark.slow
def test_whatever_the_core_is_told_it_keeps_to_its_rules() -> None:
    findings: list[CoreFinding] = []

    sent = fuzz_core(5_000, 3, findings)

    assert findings == []
    assert sent >= 5_000


def test_what_breaks_is_found_with_its_seed() -> None:
    def fail(_: str) -> Grant | None:
        raise ZeroDivisionError("broken")

    findings: list[CoreFinding] = []
    policy = ServerPolicy(languages=frozenset({"en"}), default_language="en", grant_of=fail)

    fuzz_core(1_000, 3, findings, policy=policy)

    assert {one.what for one in findings} == {"ZeroDivisionError: broken"}
    assert findings[0].seed.startswith("3 ")


@pytest.mark.slow
async def test_a_session_beside_mutated_messages_is_heard(tmp_path: Path) -> None:
    report = await fuzz_server(100, 3, tmp_path)

    assert report.errors == ()
    assert report.faults == [], report
    assert report.messages >= 100
    assert report.neighbour_heard > 0
