"""What a client may make this server connect to: which URLs, and behind them which addresses.

A URL is taken apart here and put together again from its parts, so that no two programs can
read it in two ways. Whatever it names, only the IP address that is connected to counts; it is
checked by `AddressPolicy.check_address`, once for every connection.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from scribewire.sources.faults import SourceFault, address_not_allowed
from scribewire.sources.http.networks import (
    IpAddress,
    Network,
    hidden_addresses,
    spell_address,
    why_not_public,
)
from scribewire.sources.http.own_addresses import is_own_address
from scribewire.sources.http.urls import MAX_PORT, HttpUrl, normalise_host, shown

__all__ = [
    "AddressPolicy",
    "AddressRule",
    "HttpUrl",
    "Leave",
    "parse_address_rule",
    "shown",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRule:
    """Some hosts or addresses; exactly one of the first three fields is set."""

    host: str | None = None
    """This name alone."""
    parent: str | None = None
    """All names below this one."""
    network: Network | None = None
    """All addresses in it."""
    port: int | None = None
    """On this port alone; None: on any."""

    def names(self, host: str, port: int) -> bool:
        """Tell whether the rule is about this host name (normalised)."""
        is_named = host == self.host or (
            self.parent is not None and host.endswith("." + self.parent)
        )
        return is_named and self._is_about(port)

    def holds(self, address: IpAddress, port: int) -> bool:
        """Tell whether the rule is about this address."""
        return self.network is not None and address in self.network and self._is_about(port)

    def _is_about(self, port: int) -> bool:
        return self.port is None or self.port == port


_EXPECTED = (
    "expected HOST, *.HOST, an IP address, or a network such as 10.0.0.0/8, and :PORT after it if "
    "only one is meant ([ADDRESS]:PORT with IPv6)"
)
_RULE = re.compile(r"(?:\[(?P<literal>[^]]*:[^]]*)\]|(?P<plain>[^:]*))(?::(?P<port>[0-9]{1,5}))?")


def parse_address_rule(text: str) -> AddressRule:
    """Read HOST, *.HOST, an IP address or a CIDR network, each with or without a port.

    Raises `ValueError` with words.
    """
    parts = _RULE.fullmatch(text)
    bare = text if parts is None else parts["literal"] or parts["plain"] or ""
    port = int(parts["port"]) if parts is not None and parts["port"] else None
    if port is not None and not 0 < port <= MAX_PORT:
        raise ValueError(f"address rule {text!r}: {port} is no port; {_EXPECTED}")
    if "/" in bare or ":" in bare or _is_ip(bare):
        try:
            return AddressRule(network=ip_network(bare), port=port)
        except ValueError as error:
            raise ValueError(f"address rule {text!r}: {error}; {_EXPECTED}") from None
    try:
        if bare.startswith("*."):
            return AddressRule(parent=str(_name(bare[2:])), port=port)
        return AddressRule(host=str(_name(bare)), port=port)
    except SourceFault:
        raise ValueError(f"address rule {text!r}: not a host; {_EXPECTED}") from None


def _name(text: str) -> str:
    host = normalise_host(text)
    if _is_ip(host):  # *.10.0.0.1, or an address in letters that become digits
        raise address_not_allowed("an address where a name was expected")
    return host


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


class Leave(Enum):
    """Why an address may be reached."""

    PUBLIC = auto()  # everybody can reach it
    NAMED = auto()  # who runs this program named it just now, and may know all about it
    RULE = auto()  # an owner's rule lets clients in: they are to learn nothing but what is heard


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Where this server may fetch from: all that is public, and what its owner says."""

    allowed: tuple[AddressRule, ...] = ()
    """One's own network, let in. A rule with a name lets in every address of that name."""
    denied: tuple[AddressRule, ...] = ()
    """Kept out, whatever else is said."""
    named: tuple[AddressRule, ...] = ()
    """What whoever runs this program has named as the source."""
    is_own: Callable[[str], bool] = is_own_address
    """Tells an address of this machine, which is not public to its own services."""

    def check_address(self, host: str, ip: str, port: int) -> Leave:
        """Return why `host` may be reached at `ip`, or raise `SourceFault`.

        An address that hides another (mapped, translated, tunnelled) needs leave for both.
        The message says what kind of address it is, never which: names inside a network are
        not to be looked up with our help.
        """
        try:
            address = ip_address(ip)
        except ValueError:
            raise address_not_allowed(f"{host} leads to something that is no address") from None
        addresses = (_without_scope(address), *hidden_addresses(address))
        if any(_is_about(rule, host, addresses, port) for rule in self.denied):
            raise address_not_allowed(f"{host} is on this server's list of denied sources")
        if any(rule.names(host, port) for rule in self.named):
            return Leave.NAMED
        kinds = [self._why_not(each) for each in addresses]
        if not any(kinds):
            return Leave.PUBLIC
        if any(rule.names(host, port) for rule in self.allowed):
            return Leave.RULE
        for each, kind in zip(addresses, kinds, strict=True):
            if kind is not None and not any(rule.holds(each, port) for rule in self.allowed):
                is_literal = host == spell_address(address)
                raise address_not_allowed(f"{host} {'is' if is_literal else 'leads to'} {kind}")
        return Leave.RULE

    def _why_not(self, address: IpAddress) -> str | None:
        kind = why_not_public(address)
        return "an address of this server" if not kind and self.is_own(str(address)) else kind


def _is_about(rule: AddressRule, host: str, addresses: tuple[IpAddress, ...], port: int) -> bool:
    return rule.names(host, port) or any(rule.holds(address, port) for address in addresses)


def _without_scope(address: IpAddress) -> IpAddress:
    return address if isinstance(address, IPv4Address) else IPv6Address(int(address))
