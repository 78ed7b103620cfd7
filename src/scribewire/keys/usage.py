"""What keys are used for, counted in memory and handed out to be written, each second once.

Theory of operation. Sessions count here, and whoever writes takes a numbered batch. A batch does
not change: when nobody knows whether it was written, since the connection broke at the commit, it
is handed out again under its number, and the database refuses a number that it has seen of the same
server. What is counted meanwhile is for the next batch. What has been handed out and not been
acknowledged still counts here, so that what a key has left is never told too high for long.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final

from scribewire.types import SAMPLE_RATE

_SAMPLES_PER_MS: Final = SAMPLE_RATE // 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUsage:
    """What a key was used for on one day of UTC."""

    key_id: str
    day: date
    audio_ms: int
    sessions: int
    """That began on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageBatch:
    """What one server has counted, to be written at once or not at all."""

    writer_id: str
    """Names a run of a server."""
    sequence: int
    """From 1; one is written after the one before, and once."""
    at: int
    """When it was made, in Unix seconds."""
    counts: tuple[KeyUsage, ...]
    _by_key: dict[str, list[KeyUsage]] = field(default_factory=dict, init=False, compare=False)

    def __post_init__(self) -> None:
        for one in self.counts:
            self._by_key.setdefault(one.key_id, []).append(one)

    def of_key(self, key_id: str) -> Iterable[KeyUsage]:
        """Return those of one key."""
        return self._by_key.get(key_id, ())


@dataclass(frozen=True, slots=True)
class UsedAudio:
    """Audio of one key, in milliseconds, and when that was."""

    today_ms: int = 0
    month_ms: int = 0
    day: date = date.min
    """The day that is today in it."""

    def on(self, today: date) -> UsedAudio:
        """Return what of it counts on a later day."""
        if self.day == today:
            return self
        is_same_month = (self.day.year, self.day.month) == (today.year, today.month)
        return UsedAudio(0, self.month_ms if is_same_month else 0, today)


@dataclass(slots=True)
class _Count:
    samples: int = 0
    sessions: int = 0


class UsageLedger:
    """Count the use of keys. It belongs to one thread."""

    def __init__(self, writer_id: str | None = None) -> None:
        self._writer_id = writer_id or secrets.token_hex(16)
        self._sequence = 0
        self._counted: dict[str, dict[date, _Count]] = {}  # by key, for the next batch
        self._batch: UsageBatch | None = None  # handed out, and maybe written
        self._used: Mapping[str, UsedAudio] = {}  # as the database says

    def begin_session(self, key_id: str, *, now: float) -> None:
        """Count a session."""
        self._count(key_id, now).sessions += 1

    def add_audio(self, key_id: str, samples: int, *, now: float) -> None:
        """Count audio, in samples of 16 kHz."""
        if samples:
            self._count(key_id, now).samples += samples

    def next_batch(self, *, now: float) -> UsageBatch | None:
        """Return what has to be written: the last one again until it is acknowledged."""
        if self._batch is not None:
            return self._batch
        counts = self._take_counts(_day(now))
        if counts:
            self._sequence += 1
            self._batch = UsageBatch(
                writer_id=self._writer_id, sequence=self._sequence, at=int(now), counts=counts
            )
        return self._batch

    def acknowledge(self, batch: UsageBatch | None, used: Mapping[str, UsedAudio]) -> None:
        """Take note that a batch has been written, and of what the database says since."""
        assert batch is self._batch, "one batch is written at a time"
        self._batch = None
        self._used = used

    def used_audio_s(self, key_id: str, *, now: float) -> tuple[float, float]:
        """Return the audio of a key, today and this month, in seconds."""
        today = _day(now)
        known = self._used.get(key_id, UsedAudio()).on(today)
        today_ms, month_ms = float(known.today_ms), float(known.month_ms)
        for day, audio_ms in self._unwritten(key_id):
            if day == today:
                today_ms += audio_ms
            if day >= today.replace(day=1):
                month_ms += audio_ms
        return today_ms / 1000, month_ms / 1000

    def unwritten(self) -> list[KeyUsage]:
        """Return what has not been handed out yet, by day and key."""
        counts = (
            KeyUsage(
                key_id=key_id,
                day=day,
                audio_ms=count.samples // _SAMPLES_PER_MS,
                sessions=count.sessions,
            )
            for key_id, days in self._counted.items()
            for day, count in days.items()
        )
        return _in_order(one for one in counts if one.audio_ms or one.sessions)

    def maybe_written(self) -> list[KeyUsage]:
        """Return what was handed out and nobody has acknowledged, by day and key."""
        return _in_order(() if self._batch is None else self._batch.counts)

    def _unwritten(self, key_id: str) -> Iterator[tuple[date, float]]:
        for day, count in self._counted.get(key_id, {}).items():
            yield day, count.samples / _SAMPLES_PER_MS
        for one in self._batch.of_key(key_id) if self._batch is not None else ():
            yield one.day, one.audio_ms

    def _count(self, key_id: str, now: float) -> _Count:
        return self._counted.setdefault(key_id, {}).setdefault(_day(now), _Count())

    def _take_counts(self, today: date) -> tuple[KeyUsage, ...]:
        """Return what was counted in whole milliseconds; less stays until it is one."""
        counts = []
        left: dict[str, dict[date, _Count]] = {}
        for key_id, days in self._counted.items():
            for day, count in days.items():
                audio_ms, samples = divmod(count.samples, _SAMPLES_PER_MS)
                if samples and day == today:
                    left[key_id] = {day: _Count(samples)}
                if audio_ms or count.sessions:
                    counts.append(
                        KeyUsage(key_id=key_id, day=day, audio_ms=audio_ms, sessions=count.sessions)
                    )
        self._counted = left
        return tuple(counts)


def _in_order(counts: Iterable[KeyUsage]) -> list[KeyUsage]:
    return sorted(counts, key=lambda one: (one.day, one.key_id))


def _day(now: float) -> date:
    return datetime.fromtimestamp(now, UTC).date()
