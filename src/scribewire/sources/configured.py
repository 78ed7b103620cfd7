"""How this installation pulls: by its settings, and by what whoever runs it has named."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from scribewire.errors import ServerFault
from scribewire.sources.decoders import Decoders
from scribewire.sources.http.addresses import AddressPolicy, AddressRule, parse_address_rule
from scribewire.sources.http.fetcher import GuardedFetcher, LookUp, system_look_up
from scribewire.sources.pulled import Sources
from scribewire.sources.retry import RetryRules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scribewire.settings import Settings
    from scribewire.sources.http.urls import HttpUrl


OPENING_SHARE = 0.95
"""Of the time that a session has to begin: it ends the wait too, but cannot say what was wrong."""

TRIES = 20
"""Of a lost source there are at least so many, however short the patience: before the first, 1 s is
waited, or this part of it."""


@contextlib.asynccontextmanager
async def configured_sources(
    settings: Settings, *, named: HttpUrl | None = None, look_up: LookUp = system_look_up
) -> AsyncIterator[Sources]:
    """Give what pulls by these settings, for as long as the context is open.

    `named` is a URL from whoever runs the program: its host may be reached wherever it is, since
    they can reach it anyway. What it leads to may not, and what is denied stays denied. Raises
    ServerFault for settings that cannot be read, SourceFault for a `named` that is no URL.
    """
    patience_s = settings.source_retry_ms / 1000
    policy = address_policy(settings, named=named)
    fetching = GuardedFetcher(policy, look_up=look_up, extra_ca=settings.source_ca)
    with Decoders() as decoders:
        async with fetching as fetcher:
            yield Sources(
                fetcher=fetcher,
                decoders=decoders,
                retry=RetryRules(
                    give_up_after_s=patience_s,
                    first_wait_s=min(RetryRules().first_wait_s, patience_s / TRIES),
                ),
                open_timeout_s=OPENING_SHARE * settings.start_timeout_ms / 1000,
            )


def address_policy(settings: Settings, *, named: HttpUrl | None = None) -> AddressPolicy:
    """Return where may be fetched from; arguments and faults as in `configured_sources`."""
    own = () if named is None else (AddressRule(host=named.host),)
    try:
        return AddressPolicy(
            allowed=tuple(map(parse_address_rule, settings.allow_source)),
            denied=tuple(map(parse_address_rule, settings.deny_source)),
            named=own,
        )
    except ValueError as error:
        raise ServerFault(f"--allow-source or --deny-source: {error}") from None
