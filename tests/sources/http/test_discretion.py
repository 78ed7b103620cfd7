from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from scribewire.sources.events import SourceEvent, SourceGap
from scribewire.sources.faults import (
    SourceFault,
    address_not_allowed,
    host_not_granted,
    invalid_stream,
    scheme_not_allowed,
)
from scribewire.sources.http.discretion import discreet, note_private_host


async def pull(fault: SourceFault, *, is_private: bool) -> AsyncGenerator[SourceEvent, None]:
    if is_private:
        note_private_host()
    yield SourceGap(0.0)
    raise fault


async def told_of(fault: SourceFault, *, is_private: bool) -> SourceFault:
    with pytest.raises(SourceFault) as caught:
        async for _ in discreet(pull(fault, is_private=is_private)):
            pass
    return caught.value


async def test_of_public_hosts_all_is_told() -> None:
    fault = invalid_stream("the server answered HTTP 404", status=404)

    assert await told_of(fault, is_private=False) is fault


async def test_of_a_private_host_only_that_nothing_was_heard() -> None:
    fault = invalid_stream("the server answered HTTP 404", is_transient=True, status=404)

    told = await told_of(fault.given_up(), is_private=True)

    assert "404" not in told.message
    assert "404" in told.logged
    assert (told.close_code, told.is_final, told.is_transient) == (1011, True, True)
    assert told.status is None


@pytest.mark.parametrize(
    "fault",
    [
        host_not_granted("wiki.internal"),
        address_not_allowed("wiki.internal leads to a private address"),
        scheme_not_allowed("wiki.internal"),  # it stands where a scheme does
    ],
)
async def test_where_a_private_host_leads_is_not_told_though_it_is_refused(
    fault: SourceFault,
) -> None:
    told = await told_of(fault, is_private=True)

    assert "wiki.internal" not in told.message
    assert "wiki.internal" in told.logged
    assert told.close_code == 1008
    assert await told_of(fault, is_private=False) is fault


async def test_what_one_pull_has_reached_says_nothing_of_the_next() -> None:
    await told_of(invalid_stream("a"), is_private=True)
    fault = invalid_stream("b")

    assert await told_of(fault, is_private=False) is fault


async def test_outside_of_a_pull_nothing_is_noted() -> None:
    note_private_host()
