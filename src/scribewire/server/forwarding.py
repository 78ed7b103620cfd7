"""Who asks, where proxies stand between: what they say is believed of those we know alone.

Each proxy adds the address that it was reached from at the end of `X-Forwarded-For`. What stands
before the last address that is none of our proxies' may be anybody's invention.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

_CLIENTS = b"x-forwarded-for"
_SCHEME = b"x-forwarded-proto"


@dataclass(frozen=True, slots=True)
class Forwarded:
    """What is believed of a request."""

    host: str
    """The address of who asks."""
    is_secure: bool | None
    """Whether it was asked over TLS; None: nobody has said."""


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The addresses of proxies that speak for others."""

    networks: tuple[IPv4Network | IPv6Network, ...]

    @classmethod
    def read(cls, texts: Iterable[str]) -> TrustedProxies:
        """Read addresses and networks (CIDR). Raises ValueError."""
        return cls(tuple(ip_network(text.strip()) for text in texts))

    @property
    def are_elsewhere(self) -> bool:
        """Whether any of them is on another machine."""
        return not all(network.is_loopback for network in self.networks)

    def look_behind(self, peer: str, headers: Iterable[tuple[bytes, bytes]]) -> Forwarded:
        """Return who is behind the connection from an address, by the headers of its request.

        The names of `headers` are in small letters.
        """
        if not self._is_trusted(peer):
            return Forwarded(peer, None)
        given = list(headers)
        clients = b",".join(value for name, value in given if name == _CLIENTS)
        schemes = [value for name, value in given if name == _SCHEME]
        return Forwarded(self._find_client(peer, clients), _is_secure(schemes))

    def _find_client(self, peer: str, clients: bytes) -> str:
        found = peer
        for written in reversed(clients.decode("latin-1").split(",")):
            address = _read_address(written)
            if address is None:  # whatever it is, it may be a secret, and no log is to have it
                return found
            found = address
            if not self._is_trusted(address):
                return found
        return found

    def _is_trusted(self, host: str) -> bool:
        read = _read_address(host)
        if read is None:
            return False
        address = ip_address(read)
        return any(address in network for network in self.networks)


NO_PROXIES: Final = TrustedProxies(())
"""Whoever connects is who asks."""


def _read_address(text: str) -> str | None:
    """Return an address as it is written by itself; None for what is none."""
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(address)


def _is_secure(schemes: list[bytes]) -> bool | None:
    said = {b"https": True, b"wss": True, b"http": False, b"ws": False}
    last = schemes[-1].rpartition(b",")[2].strip().lower() if schemes else b""
    return said.get(last)
