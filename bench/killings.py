"""How sessions are judged whose replicas were killed under them. No I/O."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.restarted import Talk, Words, texts_of
from bench.table import format_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Survivor:
    """One session, and when it was listened to: first, and each time again."""

    talk: Talk
    listening_at: tuple[float, ...]

    def gaps_s(self, killed_at: Sequence[float]) -> tuple[float, ...]:
        """Return how long after a kill it went on, for each time that it was one that cut it."""
        found = []
        for before, again in pairwise(self.listening_at):
            causes = [at for at in killed_at if before < at < again]
            found += [again - causes[-1]] if causes else []
        return tuple(found)

    def other_losses(self, killed_at: Sequence[float]) -> int:
        """Return how often it came back though nothing was killed."""
        return len(self.listening_at[1:]) - len(self.gaps_s(killed_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class Killings:
    """The whole drill."""

    survivors: tuple[Survivor, ...]
    killed_at: tuple[float, ...]
    """When a replica was killed."""
    seconds: float
    log_errors: tuple[str, ...] = ()

    @property
    def gaps_s(self) -> list[float]:
        """Of all sessions, the shortest first."""
        return sorted(gap for one in self.survivors for gap in one.gaps_s(self.killed_at))

    @property
    def faults(self) -> list[str]:
        """Why the drill was not passed; nothing when it was."""
        talks = [one.talk for one in self.survivors]
        unequal = sum(not talk.is_equal for talk in talks)
        failed = sum(bool(talk.failure) for talk in talks)
        found = {
            f"{unequal} sessions whose finals differ": unequal > 0,
            f"{failed} sessions that did not end well": failed > 0,
            "nobody was cut off": not self.gaps_s,
            "errors in a log": bool(self.log_errors),
        }
        return [words for words, is_so in found.items() if is_so]


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value that so many of the values do not exceed; NaN of none."""
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def format_killings(drill: Killings) -> str:
    """Return the table, each session that was not as it should be, and the verdict."""
    groups: dict[str, list[Survivor]] = {}
    for one in drill.survivors:
        subject = one.talk.subject
        groups.setdefault(f"{subject.way}, {subject.kind}, {subject.mode}", []).append(one)
    groups["all"] = list(drill.survivors)
    header: tuple[str, ...] = (
        "client, mode",
        "sessions",
        "cut off",
        "times",
        "other",
        "equal",
        "failed",
    )
    header += ("words", "lost", "added", "changed", "gap median, s", "p95", "max")
    rows = [_row(name, group, drill.killed_at) for name, group in groups.items()]
    told = [_tell(one.talk) for one in drill.survivors if not one.talk.is_equal]
    told += drill.log_errors
    verdict = "not passed: " + "; ".join(drill.faults) if drill.faults else "passed"
    told.append(f"{len(drill.killed_at)} kills in {drill.seconds:.0f} s; {verdict}")
    return "\n".join([format_table(header, rows), "", *told])


def _row(name: str, group: Sequence[Survivor], killed_at: Sequence[float]) -> tuple[str, ...]:
    gaps = sorted(gap for one in group for gap in one.gaps_s(killed_at))
    words = sum((one.talk.words for one in group), Words())
    counts = (
        len(group),
        sum(bool(one.gaps_s(killed_at)) for one in group),
        len(gaps),
        sum(one.other_losses(killed_at) for one in group),
        sum(one.talk.is_equal for one in group),
        sum(bool(one.talk.failure) for one in group),
        *(words.said, words.lost, words.added, words.changed),
    )
    figures = (percentile(gaps, 0.5), percentile(gaps, 0.95), percentile(gaps, 1.0))
    return (name, *map(str, counts), *(f"{one:.2f}" for one in figures))


def _tell(talk: Talk) -> str:
    due, came = " | ".join(texts_of(talk.expected)), " | ".join(texts_of(talk.finals))
    return f"{talk.subject} {talk.failure}\n  {came}\n  instead of {due}"
