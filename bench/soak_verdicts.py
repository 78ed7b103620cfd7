"""What a soak is to show, decided from what was noted: kinds, outcomes, flat levels, the log."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final, Literal, TypeAlias, get_args

Kind: TypeAlias = Literal["short", "long", "stream", "rude"]
Rude: TypeAlias = Literal[
    "drop", "no stop", "garbage", "wrong key", "oversized", "half-open", "reads nothing"
]

RUDE: Final[tuple[Rude, ...]] = get_args(Rude)
LANES: Final[tuple[Kind, ...]] = ("short", "long", "stream", "rude", "long", "stream")
"""What each of the concurrent sessions is, again and again."""

STOPPED: Final = "stopped"
CUT_OFF: Final = "the soak was over"
"""Of a session that was going on then; no outcome."""
BUSY: Final = "told to come again"
"""Admission at its work, and no error; but what is not let in does not soak the server."""
EXPECTED: Final[Mapping[str, tuple[str, ...]]] = {
    "short": (STOPPED,),
    "long": (STOPPED,),
    "stream": (STOPPED,),
    "drop": ("left in the middle",),
    "no stop": ("closed with 1000",),
    "garbage": ("closed with 1008",),
    "wrong key": ("HTTP 401", "HTTP 429"),
    "reads nothing": ("cut off",),
    "oversized": ("closed with 1009",),
    "half-open": ("cut off",),
}

SETTLING_S: Final = 600.0  # what is loaded, cached and pooled has been by then
FEWEST_SAMPLES: Final = 6  # half a minute, before a median is one
MOST_BUSY: Final = 0.05  # of all sessions; beyond it the machine is too full for this soak
MOST_KEPT: Final = 50  # of unexpected things, with their words


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one session went."""

    act: str
    """Its kind; of a rude one, what it did."""
    told: str
    """How it ended, or why it did not begin."""
    at_s: float
    """Since the soak began."""
    difference: str = ""
    """The first final that is not as it was when the same was heard for the first time."""
    late_ms: tuple[int, ...] = field(default=(), repr=False)
    """From the end of speech to each final, the endpoint's silence included."""
    finals: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the server and all of its children hold at one moment."""

    at_s: float
    rss_mb: float
    """Pages that processes share are counted for each of them."""
    threads: int
    processes: int
    descriptors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """By how much a level may have risen."""

    field: str
    at_most: float
    share: float = 0.0
    """Of the early level, where that is more."""


# Like is compared with like, so that medians differ by a few; what is left behind by each of
# hundreds is far more.
BOUNDS: Final = (
    Bound(field="rss_mb", at_most=20.0, share=0.05),
    Bound(field="threads", at_most=2.0),
    Bound(field="processes", at_most=0.0),
    Bound(field="descriptors", at_most=4.0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What was held early, once all had settled, and at the end.

    Medians of moments with as many processes, weighed by how often both times had them; of the
    processes the fewest there were.
    """

    field: str
    early: float
    late: float
    may_rise: float

    @property
    def is_flat(self) -> bool:
        """Whether it has risen by no more than it may; falling is no fault."""
        return self.late - self.early <= self.may_rise


@dataclass(frozen=True, slots=True, kw_only=True)
class Lateness:
    """Finals of some minutes."""

    from_minute: float
    finals: int
    p50_ms: int
    p95_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a soak has shown."""

    minutes: float
    sessions: int
    """At once."""
    settling_minutes: float
    counts: dict[str, dict[str, int]]
    """Of each kind of session, how often it ended in which way."""
    finals: int
    differing: tuple[str, ...]
    unexpected_count: int
    unexpected: tuple[str, ...]
    """The first of them."""
    levels: tuple[Level, ...]
    lateness: tuple[Lateness, ...]
    warnings: dict[str, int]
    """Of the log, by event."""
    booked_sessions: int
    booked_minutes: float
    samples: tuple[Sample, ...]

    @property
    def faults(self) -> list[str]:
        """Why it was not passed; nothing when it was."""
        served, busy, all_sessions = self._total(STOPPED), self._total(BUSY), self._total(None)
        found = {
            "unexpected errors": self.unexpected_count > 0,
            "finals that differ": bool(self.differing),
            "too few samples": not self.levels,
            "sessions that are not booked": self.booked_sessions < served,
            "nothing was heard": self.finals == 0,
            "too busy to be soaked": busy > MOST_BUSY * all_sessions,
        }
        rising = [f"{one.field} not flat" for one in self.levels if not one.is_flat]
        return [words for words, is_so in found.items() if is_so] + rising

    def _total(self, way: str | None) -> int:
        """Return how many sessions ended so, or all of them."""
        ways = [one for act in self.counts.values() for one in act.items()]
        return sum(count for told, count in ways if way in (told, None))


def lanes_of(sessions: int) -> list[Kind]:
    """Return the kind of each concurrent session."""
    return [LANES[number % len(LANES)] for number in range(sessions)]


def settling_of(seconds: float) -> float:
    """Return how much of a soak is not judged: ten minutes of an hour, less of a short one."""
    return min(SETTLING_S, seconds / 6)


def is_expected(one: Outcome) -> bool:
    """Tell whether a session ended as one of its kind is to."""
    return one.told in (CUT_OFF, BUSY) or one.told in EXPECTED[one.act]


def told_of(failure: str) -> str:
    """Return how a session ended, from what its client says went wrong; nothing: it did not."""
    if not failure:
        return STOPPED
    return BUSY if failure.startswith("refused with HTTP 503") else failure


def unexpected_of(outcomes: Iterable[Outcome]) -> list[str]:
    """Return what went otherwise than it is to, in words."""
    return [f"{one.at_s:.0f} s, {one.act}: {one.told}" for one in outcomes if not is_expected(one)]


def judge_levels(samples: Sequence[Sample], seconds: float) -> list[Level]:
    """Compare the first third after settling with the last; nothing of too few samples.

    Streams come and go by the seed and by the machine, and a decoder has a process of its own: so
    only moments with as many processes are compared.
    """
    from_s = settling_of(seconds)
    span_s = (seconds - from_s) / 3
    early = _by_processes(one for one in samples if from_s <= one.at_s <= from_s + span_s)
    late = _by_processes(one for one in samples if seconds - span_s <= one.at_s <= seconds)
    both = {*early} & {*late}
    return [_compare(early, late, both, bound) for bound in BOUNDS] if both else []


def _by_processes(samples: Iterable[Sample]) -> dict[int, list[Sample]]:
    parts: dict[int, list[Sample]] = {}
    for one in samples:
        parts.setdefault(one.processes, []).append(one)
    return {number: part for number, part in parts.items() if len(part) >= FEWEST_SAMPLES}


def _compare(
    early: Mapping[int, Sequence[Sample]],
    late: Mapping[int, Sequence[Sample]],
    both: set[int],
    bound: Bound,
) -> Level:
    if bound.field == "processes":
        first, last = float(min(early)), float(min(late))
    else:
        weights = {number: min(len(early[number]), len(late[number])) for number in both}
        first, last = (
            sum(weight * _median_of(part[number], bound) for number, weight in weights.items())
            / sum(weights.values())
            for part in (early, late)
        )
    return Level(
        field=bound.field,
        early=round(first, 1),
        late=round(last, 1),
        may_rise=max(bound.at_most, bound.share * first),
    )


def _median_of(samples: Sequence[Sample], bound: Bound) -> float:
    return float(median(getattr(one, bound.field) for one in samples))


def find_log_errors(lines: Iterable[str]) -> list[str]:
    """Return the lines of a JSON log that tell of an error, or that are no line of the log."""
    return [line.strip() for line in lines if line.strip() and _is_error(line)]


def _is_error(line: str) -> bool:
    try:
        fields = json.loads(line)
    except ValueError:
        return True  # a traceback, or the last words of a library in C
    is_line = isinstance(fields, dict)
    return not is_line or fields.get("level") in ("error", "critical") or "exception" in fields


def count_warnings(lines: Iterable[str]) -> Counter[str]:
    """Return how often each event was warned of."""
    fields = (json.loads(line) for line in lines if line.startswith("{"))
    return Counter(one["event"] for one in fields if one.get("level") == "warning")


def count_ways(outcomes: Iterable[Outcome]) -> dict[str, dict[str, int]]:
    """Return how often each kind of session ended in which way."""
    counts: dict[str, Counter[str]] = {}
    for one in outcomes:
        told = one.told if is_expected(one) else "unexpected"
        counts.setdefault(one.act, Counter())[told] += 1
    return {act: dict(ways) for act, ways in sorted(counts.items())}


def lateness_of(outcomes: Iterable[Outcome], *, every_s: float = 600.0) -> list[Lateness]:
    """Return how late finals were, by the minutes in which their session ended."""
    parts: dict[int, list[int]] = {}
    for one in outcomes:
        parts.setdefault(int(one.at_s // every_s), []).extend(one.late_ms)
    return [
        Lateness(
            from_minute=part * every_s / 60,
            finals=len(late),
            p50_ms=_rank(late, 0.5),
            p95_ms=_rank(late, 0.95),
        )
        for part, late in sorted(parts.items())
        if late
    ]


def _rank(values: Sequence[int], share: float) -> int:
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
