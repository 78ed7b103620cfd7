"""How sessions are judged whose server was restarted or killed. No I/O."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import jiwer
from whisper_normalizer.english import EnglishTextNormalizer

from bench.cut_plans import Subject
from bench.table import format_table

RIGHT_CLOSES = frozenset({1000, 1012, 4409})
"""The session is over; the server is restarted; its client has made another connection, which only
a server tells that has not found out yet that the older one is lost."""

WHOLE = frozenset({"complete", "drained"})
"""States of a session that was heard to its end; the second one's server was told to end before
its client could not have come back any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """How words differ from those of an undisturbed session."""

    said: int = 0
    lost: int = 0
    added: int = 0
    changed: int = 0

    def __add__(self, other: Words) -> Words:
        return Words(
            said=self.said + other.said,
            lost=self.lost + other.lost,
            added=self.added + other.added,
            changed=self.changed + other.changed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """One session that went on over a restart."""

    subject: Subject
    expected: tuple[str, ...] = field(repr=False)
    """The finals of an undisturbed run, each as JSON."""
    finals: tuple[str, ...] = field(repr=False)
    failure: str = ""

    @property
    def words(self) -> Words:
        """Compare what was heard."""
        normalise = EnglishTextNormalizer()
        due, came = (normalise(" ".join(texts_of(some))) for some in (self.expected, self.finals))
        found = jiwer.process_words(due, came)
        return Words(
            said=len(due.split()),
            lost=found.deletions,
            added=found.insertions,
            changed=found.substitutions,
        )

    @property
    def is_equal(self) -> bool:
        """Whether its finals are those of the undisturbed run, to the letter and the digit."""
        return self.finals == self.expected

    @property
    def is_numbered(self) -> bool:
        """Whether its finals are numbered from 1, each once. The browser SDK tells no numbers."""
        numbers = [json.loads(final).get("number") for final in self.finals]
        is_told = self.subject.kind != "browser"
        return not is_told or numbers == list(range(1, len(numbers) + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Journaled:
    """What the journal has of a session."""

    state: str
    texts: tuple[str, ...] = field(repr=False)
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """One drill: so many sessions, and what came of them."""

    name: str
    talks: tuple[Talk, ...]
    closes: dict[int, int] = field(default_factory=dict)
    """How the servers closed connections."""
    moved: int = 0
    """Sessions that were begun on the other server."""
    exit_code: int = 0
    """Of the server that was told to end."""
    ended_s: float | None = None
    """How long it took for that; None where it was killed."""
    journal: tuple[Journaled, ...] | None = None
    """None where there is none."""
    log_errors: tuple[str, ...] = ()

    @property
    def words(self) -> Words:
        """Of all sessions."""
        return sum((talk.words for talk in self.talks), Words())

    @property
    def faults(self) -> list[str]:
        """Why the drill was not passed; nothing when it was."""
        words = self.words
        found = {
            f"{words.lost} words lost": words.lost > 0,
            f"{words.added} words added": words.added > 0,
            "finals that are not numbered from 1 on": not all(t.is_numbered for t in self.talks),
            "sessions that did not end well": any(talk.failure for talk in self.talks),
            f"closes other than {sorted(RIGHT_CLOSES)}": not set(self.closes) <= RIGHT_CLOSES,
            f"exit code {self.exit_code}": self.exit_code != 0,
            "finals that an undisturbed run does not say": self._goes_on and not self._is_equal,
            "the journal differs from what clients were told": not self._is_journaled(),
            "errors in a log": bool(self.log_errors),
        }
        return [words for words, is_so in found.items() if is_so]

    @property
    def is_passed(self) -> bool:
        """Whether nobody has missed anything."""
        return not self.faults

    @property
    def _goes_on(self) -> bool:
        return self.journal is not None  # else another session begins

    @property
    def _is_equal(self) -> bool:
        return all(talk.is_equal for talk in self.talks)

    def _is_journaled(self) -> bool:
        if self.journal is None:
            return True
        told = Counter(tuple(texts_of(talk.finals)) for talk in self.talks)
        kept = Counter(one.texts for one in self.journal)
        counted = all(
            one.numbers == tuple(range(1, len(one.numbers) + 1)) and one.state in WHOLE
            for one in self.journal
        )
        return told == kept and counted


def texts_of(finals: Sequence[str]) -> list[str]:
    """Return what finals say."""
    return [str(json.loads(final)["text"]) for final in finals]


_COUNTED = ("words", "lost", "added", "changed", "failed", "equal")


def format_restarts(restarts: Sequence[Restart]) -> str:
    """Return the table, each session that was not as it should be, and the verdict."""
    header = ("restart, client, mode", "sessions", *_COUNTED)
    rows, told = [], list[str]()
    for one in restarts:
        groups: dict[str, list[Talk]] = {}
        for talk in one.talks:
            subject = talk.subject
            name = f"{one.name}, {subject.way}, {subject.kind}, {subject.mode}"
            groups.setdefault(name, []).append(talk)
        rows += [_row(name, group) for name, group in groups.items()]
        told += [_tell(talk) for talk in one.talks if talk.failure or talk.words.lost]
        told += one.log_errors
        ended = (
            ""
            if one.ended_s is None
            else f"ended within {one.ended_s:.0f} s, {one.moved} sessions moved; "
        )
        closes = ", ".join(f"{count} x {code}" for code, count in sorted(one.closes.items()))
        verdict = "passed" if one.is_passed else "not passed: " + "; ".join(one.faults)
        told.append(f"{one.name}: {ended}closes {closes or 'none'}; {verdict}")
    return "\n".join([format_table(header, rows), "", *told])


def _row(name: str, talks: Sequence[Talk]) -> tuple[str, ...]:
    words = sum((talk.words for talk in talks), Words())
    counted = (words.said, words.lost, words.added, words.changed)
    failed = sum(bool(talk.failure) for talk in talks)
    equal = sum(talk.is_equal for talk in talks)
    return (name, str(len(talks)), *map(str, (*counted, failed, equal)))


def _tell(talk: Talk) -> str:
    due, came = " | ".join(texts_of(talk.expected)), " | ".join(texts_of(talk.finals))
    return f"{talk.subject} {talk.failure}\n  {came}\n  instead of {due}"
