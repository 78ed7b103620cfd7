"""How many sessions and how much audio a key may have, and what ends a session of one.

Theory of operation. A connection takes a place of its key at the handshake, or when the key comes
in its first message, here and, where several servers are one cluster, of all of them together; a
session that begins is a `KeyUse`, which is asked before audio is heard and counts it. Whether a key
is still good is looked at from outside, by `end_lost`, every second.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, Final, Protocol

from scribewire.errors import ClientFault, CloseCode
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from scribewire.grants import Grant
    from scribewire.keys.tokens import KeyGrants
    from scribewire.keys.usage import UsageLedger

RETRY_AFTER_S: Final = 5
"""When to ask again for a place of a key: sessions end at any time."""

_LOST = (
    "key revoked: the key of this session has been revoked or has expired, so it ends with what "
    "was heard until now; ask for another key"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRefusal:
    """Why a key gets no session now."""

    error: str
    """For programs."""
    message: str
    """For people."""
    retry_after_s: int
    close_code: CloseCode = CloseCode.CLIENT_FAULT

    @property
    def fault(self) -> ClientFault:
        """The same where it is told in a dialogue."""
        return ClientFault(self.message, self.close_code)


class SharedPlaces(Protocol):
    """The places of keys on all servers of a cluster."""

    async def take(self, key_id: str, most: int | None, *, is_moved: bool = False) -> bool:
        """Take a place of a key that may have so many; return whether there was one.

        `is_moved`: it is for a session that has had one on another server, and is not refused.
        """

    def give_back(self, key_id: str) -> None:
        """Let others have a place that was taken."""


class KeyUse:
    """One session of a key. Close it when the session has ended."""

    def __init__(self, access: KeyAccess, grant: Grant, end: Callable[[ClientFault], None]) -> None:
        self.grant = grant
        self.end = end
        self._access = access

    def admit(self, samples: int) -> int:
        """Count audio that has come, in samples of 16 kHz, and return how much may be heard."""
        left = self._access.left_samples(self.grant)
        admitted = samples if left is None else min(samples, left)
        self._access.count_audio(self.grant, admitted)
        return admitted

    def check(self) -> None:
        """Raise ClientFault once no more of the key's audio may be heard."""
        refusal = self._access.refusal_of_audio(self.grant)
        if refusal is not None:
            raise refusal.fault

    def close(self) -> None:
        """Take note that the session has ended."""
        self._access.forget(self)


class KeyAccess:
    """Hold the sessions of all keys to what their grants say. It belongs to one thread.

    Without a ledger nothing is counted, and what counts by the day is not limited.
    """

    def __init__(
        self,
        keys: KeyGrants,
        ledger: UsageLedger | None,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._ledger = ledger
        self._now = now
        self._places: Counter[str] = Counter()
        self._uses: set[KeyUse] = set()
        self.shared: SharedPlaces | None = None
        """Set where several servers count the sessions of a key together."""

    def refusal(self, grant: Grant, *, has_place: bool = False) -> KeyRefusal | None:
        """Return why one more session of a key is not to be had now; None: it is."""
        most = grant.max_sessions
        if most is not None and not has_place and self._places[grant.key_id] >= most:
            return _too_many(most)
        return self.refusal_of_audio(grant)

    def refusal_of_audio(self, grant: Grant) -> KeyRefusal | None:
        """Return why no more audio of a key is heard now; None: it is."""
        grant = self._present(grant)
        if self._ledger is None or not _is_limited(grant):
            return None
        now = datetime.fromtimestamp(self._now(), UTC)
        day_s, month_s = self._ledger.used_audio_s(grant.key_id, now=now.timestamp())
        first = now.replace(hour=0, minute=0, second=0, microsecond=0)
        if _is_reached(grant.max_audio_s_per_month, month_s):
            begin = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
            return _used_up("month", grant.max_audio_s_per_month, begin, now)
        if _is_reached(grant.max_audio_s_per_day, day_s):
            return _used_up("day", grant.max_audio_s_per_day, first + timedelta(days=1), now)
        return None

    @contextmanager
    def take_place(self, grant: Grant) -> Iterator[None]:
        """Count a session of a key until the context is left."""
        self._places[grant.key_id] += 1
        try:
            yield
        finally:
            self._places[grant.key_id] -= 1
            if not self._places[grant.key_id]:
                del self._places[grant.key_id]

    async def share_place(
        self, grant: Grant, owned: AsyncExitStack, *, is_moved: bool = False
    ) -> KeyRefusal | None:
        """Count a session of a key on all servers until `owned` is left, or return why not.

        `is_moved`: it has had a place on another server, and is not refused.
        """
        places, most = self.shared, grant.max_sessions
        if places is None:
            return None
        if not await places.take(grant.key_id, most, is_moved=is_moved):
            assert most is not None
            return _too_many(most)
        owned.callback(places.give_back, grant.key_id)
        return None

    def begin(self, grant: Grant, end: Callable[[ClientFault], None]) -> KeyUse:
        """Take note that a session begins; `end` is called when it may not go on."""
        use = KeyUse(self, grant, end)
        self._uses.add(use)
        if self._ledger is not None:
            self._ledger.begin_session(grant.key_id, now=self._now())
        return use

    def end_lost(self) -> None:
        """End the sessions whose keys are not good any more."""
        for use in list(self._uses):
            if self._keys.grant_of_id(use.grant.key_id) is None:
                self._uses.discard(use)  # once
                use.end(ClientFault(_LOST))

    # For a `KeyUse`.

    def left_samples(self, grant: Grant) -> int | None:
        """Return how much more of a key's audio may be heard; None: all."""
        grant = self._present(grant)
        if self._ledger is None or not _is_limited(grant):
            return None
        limits_s = (grant.max_audio_s_per_day, grant.max_audio_s_per_month)
        used_s = self._ledger.used_audio_s(grant.key_id, now=self._now())
        left_s = [
            most - used for most, used in zip(limits_s, used_s, strict=True) if most is not None
        ]
        return max(ceil(min(left_s) * SAMPLE_RATE), 0)

    def _present(self, grant: Grant) -> Grant:
        """Return what the key may have now: it may have been changed since its session began."""
        return self._keys.grant_of_id(grant.key_id) or grant

    def count_audio(self, grant: Grant, samples: int) -> None:
        """Count audio that is heard."""
        if self._ledger is not None:
            self._ledger.add_audio(grant.key_id, samples, now=self._now())

    def forget(self, use: KeyUse) -> None:
        """Take note that a session has ended."""
        self._uses.discard(use)


def _too_many(most: int) -> KeyRefusal:
    return KeyRefusal(
        error="too many sessions",
        message=f"too many sessions: this key may have {most} at once, which are open; "
        "end one, or try again later",
        retry_after_s=RETRY_AFTER_S,
        close_code=CloseCode.TRY_AGAIN_LATER,
    )


def _is_limited(grant: Grant) -> bool:
    return grant.max_audio_s_per_day is not None or grant.max_audio_s_per_month is not None


def _is_reached(most_s: float | None, used_s: float) -> bool:
    return most_s is not None and used_s >= most_s


def _used_up(span: str, most_s: float | None, begin: datetime, now: datetime) -> KeyRefusal:
    assert most_s is not None
    return KeyRefusal(
        error="minutes used up",
        message=f"minutes used up: this key may have {most_s / 60:g} minutes of audio a {span}; "
        f"the next {span} begins at {begin:%Y-%m-%dT%H:%MZ}",
        retry_after_s=ceil((begin - now).total_seconds()),
    )
