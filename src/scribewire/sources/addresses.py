"""What a client may make this server connect to: which URLs, and behind them which addresses.

A URL is taken apart here and put together again from its parts, so that no two programs can
read it in two ways. Whatever it names, only the IP address that is connected to counts; it is
checked by `AddressPolicy.check_address`, once for every connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from scribewire.sources.faults import SourceFault, address_not_allowed
from scribewire.sources.networks import IpAddress, Network, hidden_addresses, why_not_public
from scribewire.sources.urls import HttpUrl, check_url, normalise_host, shown

__all__ = ["AddressPolicy", "AddressRule", "HttpUrl", "check_url", "parse_address_rule", "shown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRule:
    """Some hosts or addresses; exactly one field is set."""

    host: str | None = None
    """This name alone."""
    parent: str | None = None
    """All names below this one."""
    network: Network | None = None
    """All addresses in it."""

    def names(self, host: str) -> bool:
        """Tell whether the rule is about this host name (normalised)."""
        return host == self.host or (self.parent is not None and host.endswith("." + self.parent))

    def holds(self, address: IpAddress) -> bool:
        """Tell whether the rule is about this address."""
        return self.network is not None and address in self.network


def parse_address_rule(text: str) -> AddressRule:
    """Read HOST, *.HOST, an IP address or a CIDR network, or raise `ValueError` with words."""
    expected = "expected HOST, *.HOST, an IP address, or a network such as 10.0.0.0/8"
    is_bracketed = text.startswith("[") and text.endswith("]") and ":" in text
    bare = text[1:-1] if is_bracketed else text
    if "/" in bare or ":" in bare or _is_ip(bare):
        try:
            return AddressRule(network=ip_network(bare))
        except ValueError as error:
            raise ValueError(f"address rule {text!r}: {error}; {expected}") from None
    try:
        if bare.startswith("*."):
            return AddressRule(parent=str(_name(bare[2:])))
        return AddressRule(host=str(_name(bare)))
    except SourceFault:
        raise ValueError(f"address rule {text!r}: not a host; {expected}") from None


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


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Where this server may fetch from: all that is public, and what its owner says."""

    allowed: tuple[AddressRule, ...] = ()
    """One's own network, let in. A rule with a name lets in every address of that name."""
    denied: tuple[AddressRule, ...] = ()
    """Kept out, whatever else is said."""

    def check_address(self, host: str, ip: str) -> None:
        """Raise `SourceFault` unless `host` may be reached at `ip`.

        An address that hides another (mapped, translated, tunnelled) needs leave for both.
        The message says what kind of address it is, never which: names inside a network are
        not to be looked up with our help.
        """
        try:
            address = ip_address(ip)
        except ValueError:
            raise address_not_allowed(f"{host} leads to something that is no address") from None
        addresses = (_without_scope(address), *hidden_addresses(address))
        if any(rule.names(host) or _holds(rule, addresses) for rule in self.denied):
            raise address_not_allowed(f"{host} is on this server's list of denied sources")
        if any(rule.names(host) for rule in self.allowed):
            return
        for each in addresses:
            kind = why_not_public(each)
            if kind is not None and not any(rule.holds(each) for rule in self.allowed):
                is_literal = host == str(address)
                raise address_not_allowed(f"{host} {'is' if is_literal else 'leads to'} {kind}")


def _holds(rule: AddressRule, addresses: tuple[IpAddress, ...]) -> bool:
    return any(rule.holds(address) for address in addresses)


def _without_scope(address: IpAddress) -> IpAddress:
    return address if isinstance(address, IPv4Address) else IPv6Address(int(address))
