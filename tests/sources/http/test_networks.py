from __future__ import annotations

from ipaddress import IPv4Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.sources.http.networks import hidden_addresses, why_not_public

PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.215.14", "172.32.0.1", "100.128.0.1", "223.255.255.255"]
PUBLIC += ["2606:4700::1111", "2a00:1450:4001::1", "2003::1", "2001:4860::8888"]


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_is_public(text: str) -> None:
    assert why_not_public(ip_address(text)) is None


@given(st.ip_addresses())
def test_nothing_is_public_that_the_standard_library_calls_special(text: object) -> None:
    address = ip_address(str(text))
    special = address.is_private or address.is_loopback or address.is_link_local
    special = special or address.is_multicast or address.is_reserved or address.is_unspecified
    assert not special or why_not_public(address) is not None


@pytest.mark.parametrize(
    "template",
    ["::ffff:{}", "::ffff:0:{}", "::{}", "64:ff9b::{}", "64:ff9b:1::{}", "2a00::5efe:{}"],
)
def test_an_ipv4_address_is_found_inside(template: str) -> None:
    address = ip_address(template.format("10.1.2.3"))
    assert hidden_addresses(address) == (IPv4Address("10.1.2.3"),)
    assert why_not_public(address) is not None


def test_tunnels_are_found() -> None:
    assert hidden_addresses(ip_address("2002:a01:203::1")) == (IPv4Address("10.1.2.3"),)
    teredo = hidden_addresses(ip_address("2001:0:101:101::f5fe:fdfc"))
    assert teredo == (IPv4Address("1.1.1.1"), IPv4Address("10.1.2.3"))
    assert hidden_addresses(ip_address("2606:4700::1")) == ()
    assert hidden_addresses(ip_address("8.8.8.8")) == ()
