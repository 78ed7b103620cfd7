"""Which IP addresses are public, and which hide another address inside.

Only global unicast is public: what anybody may announce to the whole Internet (IANA's special
purpose registries list the rest). The tables stand here because those of Python's `ipaddress`
differ between the releases that we support.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, TypeAlias

IpAddress: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_METADATA: Final = (
    # Beside 169.254.169.254, where a cloud tells its machines who they are and what they may do.
    IPv4Network("168.63.129.16/32"),
    IPv4Network("100.100.100.200/32"),
    IPv4Network("192.0.0.192/32"),
    IPv6Network("fd00:ec2::/32"),
    IPv6Network("fd20:ce::/32"),
)

_IPV4: Final = (
    (IPv4Network("0.0.0.0/32"), "the unspecified address"),
    (IPv4Network("0.0.0.0/8"), "a reserved address"),
    (IPv4Network("10.0.0.0/8"), "a private address"),
    (IPv4Network("100.64.0.0/10"), "an address inside a carrier's network"),
    (IPv4Network("127.0.0.0/8"), "a loopback address"),
    (IPv4Network("169.254.169.254/32"), "a cloud metadata address"),
    (IPv4Network("169.254.0.0/16"), "a link-local address"),
    (IPv4Network("172.16.0.0/12"), "a private address"),
    (IPv4Network("192.0.0.0/24"), "a reserved address"),
    (IPv4Network("192.0.2.0/24"), "an address for documentation"),
    (IPv4Network("192.88.99.0/24"), "a relay of translated addresses"),
    (IPv4Network("192.168.0.0/16"), "a private address"),
    (IPv4Network("198.18.0.0/15"), "an address for benchmarks"),
    (IPv4Network("198.51.100.0/24"), "an address for documentation"),
    (IPv4Network("203.0.113.0/24"), "an address for documentation"),
    (IPv4Network("224.0.0.0/4"), "a multicast address"),
    (IPv4Network("240.0.0.0/4"), "a reserved address"),
)

_IPV6: Final = (
    (IPv6Network("::/128"), "the unspecified address"),
    (IPv6Network("::1/128"), "a loopback address"),
    (IPv6Network("::ffff:0:0/96"), "an IPv4 address mapped into IPv6"),
    (IPv6Network("::ffff:0:0:0/96"), "an IPv4 address translated into IPv6"),
    (IPv6Network("::/96"), "an IPv4 address written as IPv6"),
    (IPv6Network("64:ff9b::/32"), "an IPv4 address translated into IPv6"),
    (IPv6Network("2001::/32"), "an IPv4 address tunnelled through IPv6"),
    (IPv6Network("2001::/23"), "a reserved address"),
    (IPv6Network("2001:db8::/32"), "an address for documentation"),
    (IPv6Network("2002::/16"), "an IPv4 address tunnelled through IPv6"),
    (IPv6Network("3fff::/20"), "an address for documentation"),
    (IPv6Network("fc00::/7"), "a private address"),
    (IPv6Network("fe80::/10"), "a link-local address"),
    (IPv6Network("fec0::/10"), "a private address"),
    (IPv6Network("ff00::/8"), "a multicast address"),
)

_GLOBAL_UNICAST_V6: Final = IPv6Network("2000::/3")  # all that was ever given out

# Prefix of 96 bits, then an IPv4 address.
_LAST_32_BITS: Final = tuple(
    IPv6Network(text)
    for text in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")
)
_ISATAP: Final = (0x0000_5EFE, 0x0200_5EFE)


def spell_address(address: IpAddress) -> str:
    """Spell an address as Python 3.13 does: releases before it spell a mapped one in hex."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(address) if mapped is None else f"::ffff:{mapped}"


def why_not_public(address: IpAddress) -> str | None:
    """Say what kind of address this is, where it is not a public one."""
    if any(address in network for network in _METADATA):
        return "a cloud metadata address"
    table = _IPV4 if isinstance(address, IPv4Address) else _IPV6
    for network, kind in table:
        if address in network:
            return kind
    if isinstance(address, IPv6Address):
        if address not in _GLOBAL_UNICAST_V6:
            return "a reserved address"
        if (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP:
            return "an IPv4 address tunnelled through IPv6"
    return None


def hidden_addresses(address: IpAddress) -> tuple[IPv4Address, ...]:
    """Return the IPv4 addresses that a gateway would take out of this one."""
    if isinstance(address, IPv4Address):
        return ()
    if address.sixtofour is not None:
        return (address.sixtofour,)
    if address.teredo is not None:
        return address.teredo
    number = int(address)
    if number <= 1:  # unspecified and loopback: nothing inside
        return ()
    is_isatap = (number >> 32) & 0xFFFF_FFFF in _ISATAP
    if is_isatap or any(address in network for network in _LAST_32_BITS):
        return (IPv4Address(number & 0xFFFF_FFFF),)
    return ()
