from __future__ import annotations

import socket

import pytest

from scribewire.sources.http.own_addresses import is_own_address


@pytest.mark.parametrize("ip", ["127.0.0.1", "127.0.0.2"])
def test_loopback_is_ones_own(ip: str) -> None:
    assert is_own_address(ip)


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_an_address_of_ipv6_is_asked_about_as_such() -> None:
    assert not is_own_address("2606:4700::1111")


@pytest.mark.parametrize("ip", ["8.8.8.8", "192.0.2.1", "203.0.113.7", "255.255.255.256"])
def test_an_address_of_another_is_not(ip: str) -> None:
    assert not is_own_address(ip)
