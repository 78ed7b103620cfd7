"""When sessions of the drill lose their connections, and how what they heard is judged. No I/O."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Final, Literal, TypeAlias

from bench.table import format_table
from scribewire.types import Mode
from tests.parts.cutting_proxy import Cut

Kind: TypeAlias = Literal["raw", "asyncio", "blocking", "browser"]
"""Whose client it is: the drill's own, the two of Python, the browser SDK in Chromium."""
Way: TypeAlias = Literal["pushed", "pulled"]
"""Who sends the audio: the client, or an origin that the server reads (stream mode)."""

KINDS: Final[tuple[Kind, ...]] = ("raw", "asyncio", "blocking", "browser")
WAYS: Final[tuple[Way, ...]] = ("pushed", "pulled")
MOMENTS: Final = ("accept", "handshake", "listening", "message", "final", "between", "closing")
"""What may be cut: a connection before it is one, the request or its answer, the server's
`listening`, a message, a final, what comes behind a final, the last words and the close."""
MOST_CUTS: Final = 5
CLOSING_S: Final = 0.4
"""From the client's `stop`, within which the last words come."""

# Of a connection that comes back; the first one has to be listened to, or there is no session yet.
_FIRST: Final = ("message", "message", "final", "between", "closing")
_LATER: Final = ("accept", "handshake", "listening", "message", "message", "final", "between")
_OPENING_BYTES: Final = 2_000  # more than is said in either direction before `listening` has come


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What the finals of a session depend on: where it is the same, they are."""

    kind: Kind
    mode: Mode
    way: Way
    clip: int
    """Which of the clips is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CutSession:
    """One session of the drill."""

    subject: Subject
    cuts: tuple[Cut, ...]
    """For one connection after the other."""
    closing_s: float | None = None
    """When the connection there is then is lost once more, from the client's `stop` on."""


def plan_sessions(
    seed: int,
    count: int,
    *,
    way: Way,
    kinds: Sequence[Kind],
    modes: Sequence[Mode],
    clip_bytes: Sequence[int],
) -> Iterator[CutSession]:
    """Return so many, as many of each kind and mode, of clips of these lengths."""
    combinations = list(product(modes, kinds))
    for number in range(count):
        drawn = random.Random(f"{seed} {way} {number}")
        mode, kind = combinations[number % len(combinations)]
        clip = drawn.randrange(len(clip_bytes))
        subject = Subject(kind=kind, mode=mode, way=way, clip=clip)
        most = drawn.randint(1, MOST_CUTS)
        closes_early = way == "pushed" and drawn.random() < 1 / 3
        cuts = (
            _draw_cut(drawn, way=way, is_first=not index, audio_bytes=clip_bytes[clip])
            for index in range(most - closes_early)
        )
        yield CutSession(
            subject=subject,
            cuts=tuple(cuts),
            closing_s=drawn.uniform(0, CLOSING_S) if closes_early else None,
        )


def _draw_cut(drawn: random.Random, *, way: Way, is_first: bool, audio_bytes: int) -> Cut:
    name = drawn.choice(_FIRST if is_first else _LATER)
    match name:
        case "accept":
            return Cut(is_at_accept=True, name=name)
        case "handshake" if drawn.random() < 1 / 2:
            return Cut(after_sent=drawn.randrange(300), name=name)
        case "handshake":
            return Cut(after_answered=drawn.randrange(150), name=name)
        case "listening":
            words = b'"state":"listening"'
            return Cut(at_words=words, more_bytes=drawn.randrange(200), name=name)
        case "message" if way == "pushed":
            least, most = (_OPENING_BYTES, audio_bytes) if is_first else (0, audio_bytes // 3)
            return Cut(after_sent=drawn.randrange(least, most), name=name)
        case "message":
            words = b'"is_final":false'
            return Cut(at_words=words, more_bytes=drawn.randrange(1_000), name=name)
        case "final":
            words = b'"is_final":true'
            return Cut(at_words=words, more_bytes=drawn.randrange(40), name=name)
        case "between":  # a final ends with its number
            more = 2 + drawn.randrange(200)
            return Cut(at_words=b'"number":', more_bytes=more, name=name)
        case _:
            return Cut(at_words=b'"state":"stopped"', more_bytes=drawn.randrange(4), name=name)


# How what was heard is judged.


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What came of one session."""

    session: CutSession
    made: dict[str, int]
    """The cuts there were, by their moments."""
    connections: int
    expected: tuple[str, ...] = field(repr=False)
    """The finals of an undisturbed run, each as JSON."""
    finals: tuple[str, ...] = field(repr=False)
    failure: str = ""
    """Why the session did not end well."""

    @property
    def twice(self) -> int:
        """How many finals came once more than they should."""
        due, came = Counter(self.expected), Counter(self.finals)
        return sum(max(0, count - max(1, due[final])) for final, count in came.items())

    @property
    def lost(self) -> int:
        """How many finals did not come."""
        return (Counter(self.expected) - Counter(self.finals)).total()

    @property
    def is_equal(self) -> bool:
        """Whether nobody could tell that it was disturbed."""
        return self.finals == self.expected and not self.failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """So many sessions, so many of them at once."""

    way: Way
    at_once: int
    heard: tuple[Heard, ...]
    seconds: float
    log_errors: tuple[str, ...] = ()
    """What the server should not have had to log."""

    @property
    def is_passed(self) -> bool:
        """Whether all finals are those of undisturbed sessions."""
        return not self.log_errors and all(one.is_equal for one in self.heard)


def format_rounds(rounds: Sequence[Round]) -> str:
    """Return the table, and each session that was not as it should be."""
    header = (
        "audio, at once, client, mode",
        "sessions",
        *MOMENTS,
        "cuts",
        "equal",
        "twice",
        "lost",
    )
    rows, wrong = [], list[str]()
    for one in rounds:
        groups: dict[str, list[Heard]] = {}
        for heard in one.heard:
            subject = heard.session.subject
            name = f"{one.way}, {one.at_once}, {subject.kind}, {subject.mode}"
            groups.setdefault(name, []).append(heard)
            if not heard.is_equal:
                wrong.append(_tell(heard))
        groups[f"{one.way}, {one.at_once}, all in {one.seconds:.0f} s"] = list(one.heard)
        rows += [_row(name, group) for name, group in groups.items()]
        wrong += one.log_errors
    verdict = "passed" if all(one.is_passed for one in rounds) else "not passed"
    return "\n".join([format_table(header, rows), "", *wrong, verdict])


def _row(name: str, group: Sequence[Heard]) -> tuple[str, ...]:
    made = sum((Counter(one.made) for one in group), Counter[str]())
    return (
        name,
        str(len(group)),
        *(str(made[moment]) for moment in MOMENTS),
        str(made.total()),
        str(sum(one.is_equal for one in group)),
        str(sum(one.twice for one in group)),
        str(sum(one.lost for one in group)),
    )


def _tell(heard: Heard) -> str:
    session, subject = heard.session, heard.session.subject
    cuts = ", ".join(cut.name for cut in session.cuts) + (", stop" if session.closing_s else "")
    told = f"{subject}, {cuts}: {len(heard.finals)} finals of {len(heard.expected)}"
    pairs = zip(heard.finals, heard.expected, strict=False)
    first = next((f"\n  {got}\n  instead of {due}" for got, due in pairs if got != due), "")
    return f"{told} {heard.failure}{first}"
