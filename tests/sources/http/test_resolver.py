from __future__ import annotations

import socket
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

import pytest

from scribewire.sources.events import SourceEvent, SourceGap
from scribewire.sources.faults import SourceFault
from scribewire.sources.http.addresses import AddressPolicy, parse_address_rule
from scribewire.sources.http.discretion import discreet
from scribewire.sources.http.resolver import CheckedResolver, is_address, system_look_up

if TYPE_CHECKING:
    from tests.sources.conftest import Names

LOOPBACK = AddressPolicy(allowed=(parse_address_rule("127.0.0.1"),))


async def test_every_address_is_handed_on_and_looked_up_once(
    names: type[Names],
) -> None:
    table = names({"a.example": [["8.8.8.8", "2606:4700::1111"], ["127.0.0.1"]]})
    found = await CheckedResolver(AddressPolicy(), table).addresses_of("a.example", 80)
    assert found == ["8.8.8.8", "2606:4700::1111"]
    assert table.asked == ["a.example"]


async def test_one_forbidden_address_refuses_the_name(
    names: type[Names],
) -> None:
    resolver = CheckedResolver(AddressPolicy(), names({"a.example": [["8.8.8.8", "10.0.0.1"]]}))
    with pytest.raises(SourceFault, match="leads to a private address"):
        await resolver.addresses_of("a.example", 80)


async def test_a_name_that_is_refused_is_told_of_though_one_of_its_addresses_is_let_in(
    names: type[Names],
) -> None:
    policy = AddressPolicy(allowed=(parse_address_rule("10.0.0.1"),))
    resolver = CheckedResolver(policy, names({"a.example": [["10.0.0.1", "10.0.0.2"]]}))

    async def pull() -> AsyncGenerator[SourceEvent, None]:
        await resolver.addresses_of("a.example", 80)
        yield SourceGap(0.0)

    with pytest.raises(SourceFault, match="leads to a private address"):
        async for _ in discreet(pull()):
            pass


async def test_a_number_is_checked_without_a_look_up(
    names: type[Names],
) -> None:
    table = names({})
    assert await CheckedResolver(LOOPBACK, table).addresses_of("127.0.0.1", 80) == ["127.0.0.1"]
    with pytest.raises(SourceFault, match="not allowed"):
        await CheckedResolver(AddressPolicy(), table).addresses_of("127.0.0.1", 80)
    assert table.asked == []


@pytest.mark.parametrize(("errno", "is_transient"), [(socket.EAI_AGAIN, True), (-2, False)])
async def test_only_a_resolver_that_is_busy_is_asked_again(
    errno: int, *, is_transient: bool
) -> None:
    async def fail(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(errno, "no")

    with pytest.raises(SourceFault, match=r"a\.example was not found") as caught:
        await CheckedResolver(AddressPolicy(), fail).addresses_of("a.example", 80)
    assert caught.value.is_transient is is_transient


async def test_the_system_finds_numbers() -> None:
    assert list(await system_look_up("127.0.0.1", 80)) == ["127.0.0.1"]


def test_names_are_told_from_addresses() -> None:
    assert is_address("127.0.0.1")
    assert is_address("::1")
    assert not is_address("a.example")
