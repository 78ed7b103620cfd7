"""Wrong keys by address, and how long an address has to wait that shows too many.

Theory of operation. The first few wrong keys of an address cost it nothing: somebody mistypes, or a
page goes on with an old token. Each further one makes it wait, a second at first and twice as long
each time, up to a limit; while it waits, a wrong key is refused without a look at how it came to be
one, and changes nothing. One wrong key is forgiven for each minute that passes without another.

A valid key is let in whatever its address has to wait: whoever guesses must not lock out those who
share his address. So the wait does not hide which key is valid; that is beyond guessing by its
length. What the wait bounds is what guessing costs us, and a page that goes on with an old token:
places, lines of log. Nor does a valid key take anything back, or one would be enough to guess on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, log2

from scribewire.server.strangers import network_of

FIRST_WAIT_S = 1.0
FORGIVEN_S = 60.0  # for one wrong key; of ten and the longest wait, nothing is left in 17 minutes
MOST_ADDRESSES = 8_192  # 2 MB; whoever has more goes unpunished, and wins nothing


@dataclass(frozen=True, slots=True)
class _Record:
    count: float  # wrong keys that are held against an address
    counted_at: float  # the last of them
    waits_until: float


class WrongKeys:
    """Counts wrong keys, an IPv6 network of one client as one address.

    The first `free` have no consequence; `longest_wait_s` bounds the waits, 0 means none.
    """

    def __init__(
        self,
        *,
        free: int,
        longest_wait_s: float,
        now: Callable[[], float],
        most_addresses: int = MOST_ADDRESSES,
    ) -> None:
        self._free = free
        self._longest_wait_s = longest_wait_s
        self._now = now
        self._most_addresses = most_addresses
        self._records: dict[str, _Record] = {}  # that were counted longest ago first
        steps = ceil(log2(max(longest_wait_s, FIRST_WAIT_S) / FIRST_WAIT_S)) + 1
        self._most_counted = float(free + steps)  # more would only take longer to be forgiven

    def __len__(self) -> int:
        return len(self._records)

    def receive(self, host: str) -> float:
        """Take note of a wrong key; returns how long its address had to wait yet, in seconds.

        0 where it had not to wait: then this one counts, and may begin a wait.
        """
        waits_s = self.wait_s(host)
        if not waits_s:
            self._count(network_of(host))
        return waits_s

    def wait_s(self, host: str) -> float:
        """Return how long an address has to wait; 0 where it has not to."""
        record = self._records.get(network_of(host))
        return 0.0 if record is None else max(0.0, record.waits_until - self._now())

    def _count(self, address: str) -> None:
        now = self._now()
        count = min(self._left(self._records.pop(address, None), now) + 1, self._most_counted)
        beyond = count - self._free
        waits_s = FIRST_WAIT_S * 2 ** (ceil(beyond) - 1) if beyond > 0 else 0.0
        self._records[address] = _Record(count, now, now + min(waits_s, self._longest_wait_s))
        if len(self._records) > self._most_addresses:
            del self._records[next(iter(self._records))]

    def _left(self, record: _Record | None, now: float) -> float:
        """Return what has not been forgiven."""
        if record is None:
            return 0.0
        return max(0.0, record.count - (now - record.counted_at) / FORGIVEN_S)
