"""Clients of whom no valid key is known: how many may be connected, and who has to go.

They are the only ones who can take every file descriptor there is, so they may have a part of them.
Beyond that the oldest of the address that has the most goes: whoever connects from elsewhere is not
touched, and from the same address an honest client shows its key long before it is the oldest.
"""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import Generic, TypeVar

Who = TypeVar("Who")


class Strangers(Generic[Who]):
    """Those who are connected and have not shown a valid key, by address."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._by_address: dict[str, dict[Who, None]] = {}  # the oldest first
        self._addresses: dict[Who, str] = {}

    def __contains__(self, who: Who) -> bool:
        return who in self._addresses

    def __len__(self) -> int:
        return len(self._addresses)

    def add(self, who: Who, host: str) -> Who | None:
        """Take note of one more; returns who has to go for it."""
        address = network_of(host)
        self._addresses[who] = address
        self._by_address.setdefault(address, {})[who] = None
        return self.next_to_go() if len(self) > self._most else None

    def forget(self, who: Who) -> None:
        """Take note that this one is known now, or gone."""
        address = self._addresses.pop(who, None)
        if address is None:
            return
        of_address = self._by_address[address]
        del of_address[who]
        if not of_address:
            del self._by_address[address]

    def next_to_go(self) -> Who | None:
        """Return who should make room; None when nobody is there."""
        if not self._by_address:
            return None
        crowd = max(self._by_address, key=self._count)
        return next(iter(self._by_address[crowd]))

    def _count(self, address: str) -> int:
        return len(self._by_address[address])


def network_of(host: str) -> str:
    """Return what one client can have many of: an IPv6 address is one of 2^64 of its owner."""
    try:
        address = IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    mapped = address.ipv4_mapped
    return address.packed[:8].hex() if mapped is None else str(mapped)
