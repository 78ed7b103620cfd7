"""What several systems got wrong, group by group, and which differences are real."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.bootstrap import Estimate, estimate_difference, estimate_rate
from bench.manifest import NO_SPEECH, SPEECH_GROUPS, Clip, Group
from bench.scoring import WordErrors, add_up, count_errors
from bench.systems import System
from bench.table import NOTHING, format_difference, format_rate, format_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Every clip's errors under every system that ran."""

    clips: tuple[Clip, ...]
    systems: tuple[System, ...]
    errors: dict[str, dict[str, WordErrors]]
    """By system, then by clip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupResult:
    """One row: a group of clips and what each system made of it."""

    group: str
    clips: int
    words: int
    """In the references."""
    totals: dict[str, WordErrors]
    """By system; a system that did not run is missing, here and below."""
    rates: dict[str, Estimate]
    """Word error rate in percent; empty for clips without words."""
    differences: dict[str, Estimate]
    """By `a - b`, in percentage points; below zero, a is better."""


def compare(clips: Sequence[Clip], systems: Sequence[System]) -> Comparison:
    """Score every transcript."""
    return Comparison(
        clips=tuple(clips),
        systems=tuple(systems),
        errors={
            system.name: {
                clip.id: count_errors(
                    clip.reference or "", system.transcripts[clip.id], clip.spoken_language
                )
                for clip in clips
            }
            for system in systems
            if system.transcripts is not None
        },
    )


def summarise(
    comparison: Comparison,
    *,
    pairs: Sequence[tuple[str, str]],
    groups: Sequence[Group] = (*SPEECH_GROUPS, NO_SPEECH),
) -> tuple[GroupResult, ...]:
    """Return a row for each group that has clips; `pairs` names the differences wanted."""
    return tuple(
        _summarise_group(comparison, group, clips, pairs)
        for group in groups
        if (clips := group.clips_of(comparison.clips))
    )


def _summarise_group(
    comparison: Comparison,
    group: Group,
    clips: Sequence[Clip],
    pairs: Sequence[tuple[str, str]],
) -> GroupResult:
    counts = {
        name: [by_clip[clip.id] for clip in clips] for name, by_clip in comparison.errors.items()
    }
    words = [count_errors(c.reference or "", "", c.spoken_language).words for c in clips]
    errors = {name: [count.errors for count in column] for name, column in counts.items()}
    has_words = group is not NO_SPEECH
    return GroupResult(
        group=group.name,
        clips=len(clips),
        words=sum(words),
        totals={name: add_up(column) for name, column in counts.items()},
        rates={name: estimate_rate(column, words) for name, column in errors.items() if has_words},
        differences={
            f"{one} - {other}": estimate_difference(errors[one], errors[other], words)
            for one, other in pairs
            if has_words and one in errors and other in errors
        },
    )


def format_rates(results: Sequence[GroupResult], systems: Sequence[System]) -> str:
    """Return the table of word error rates; the last row counts words out of nothing."""
    names = [system.name for system in systems]
    rows = []
    for result in results:
        if result.rates:
            cells = [format_rate(result.rates.get(name)) for name in names]
        else:
            cells = [_format_invented(result.totals.get(name)) for name in names]
        rows.append([result.group, str(result.clips), str(result.words), *cells])
    return format_table(["word error rate, %", "clips", "words", *names], rows)


def format_differences(results: Sequence[GroupResult], pairs: Sequence[tuple[str, str]]) -> str:
    """Return the table of paired differences."""
    names = [f"{one} - {other}" for one, other in pairs]
    rows = [
        [result.group, *(format_difference(result.differences.get(name)) for name in names)]
        for result in results
        if result.rates
    ]
    return format_table(["difference, points", *names], rows)


def _format_invented(total: WordErrors | None) -> str:
    return NOTHING if total is None else f"{total.insertions} invented"
