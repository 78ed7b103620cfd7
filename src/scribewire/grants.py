"""What whoever showed a credential may do: one value, from whoever knows it to whoever asks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import IPv6Address
from typing import Final, TypeVar

from scribewire.errors import ClientFault
from scribewire.types import Mode
from scribewire.wishes import Wishes

Member = TypeVar("Member", bound=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The rights that come with a key, or with a token that was made of one. None: no limit."""

    key_id: str = ""
    """Whose sessions and whose use count together; it may be logged, and opens nothing."""
    name: str = ""
    """What the operator calls the key."""
    is_admin: bool = False
    """Whether it may manage keys."""
    modes: frozenset[Mode] | None = None
    """The types of session."""
    languages: frozenset[str] | None = None
    """ISO 639-1 codes."""
    origins: frozenset[str] | None = None
    """Web pages that it may be used from, as `https://captions.example`."""
    source_hosts: frozenset[str] | None = None
    """Hosts that stream URLs may lead to, spelled one way; `*.example.org` is every host below."""
    max_sessions: int | None = None
    """Sessions that may be open at once."""
    max_audio_s: float | None = None
    """Audio of one session."""
    max_audio_s_per_day: float | None = None
    """Audio of all sessions in a day of UTC."""
    max_audio_s_per_month: float | None = None
    """Audio of all sessions in a calendar month of UTC."""
    secret_id: str = field(default="", compare=False)
    """Of the key's secret that was shown, where it may get another: tokens made of it end with it.
    Not a right."""
    token_id: str | None = None
    """Of the token that was shown instead of the key."""
    is_single_use: bool = False
    """Whether the token ends with the session that begins with it."""
    expires_at: float | None = None
    """Until when sessions may begin, in Unix seconds."""

    def __post_init__(self) -> None:
        """Have one spelling of each host, wherever the rights come from."""
        if self.source_hosts is not None:
            object.__setattr__(self, "source_hosts", frozenset(map(spell_host, self.source_hosts)))

    def narrowed_to(self, limits: Grant) -> Grant:
        """Return what both allow; whose key it is, and what counts for all its sessions, stays."""
        return replace(
            self,
            modes=_common(self.modes, limits.modes),
            languages=_common(self.languages, limits.languages),
            origins=_common(self.origins, limits.origins),
            source_hosts=_common_hosts(self.source_hosts, limits.source_hosts),
            max_audio_s=_least(self.max_audio_s, limits.max_audio_s),
            expires_at=_least(self.expires_at, limits.expires_at),
        )

    def check_origin(self, origin: str | None) -> None:
        """Raise `ClientFault` if it may not be used from this page; None: from none.

        A key may also be with a program of its owner, which says no origin. A token is made for a
        page, and who says none is none.
        """
        if self.origins is None or origin in self.origins:
            return
        if origin is not None or self.token_id is not None:
            raise ClientFault("origin: this key may not be used from there")

    def check(self, wishes: Wishes, *, host: str | None) -> None:
        """Raise `ClientFault` for what may not be had: the message says what may.

        The language of `wishes` has been settled; `host` is where their `url` leads, if there is
        one.
        """
        if self.modes is not None and wishes.mode not in self.modes:
            raise _refusal(f"type {wishes.mode}", self.modes)
        if self.languages is not None:
            for code in wishes.possible_languages:
                if code not in self.languages:
                    raise _refusal(f"language {code}", self.languages)
        if host is not None and not self.may_pull_from(host):
            raise ClientFault("url: this key may not have streams of that host read")

    def may_pull_from(self, host: str) -> bool:
        """Tell whether streams may come from this host, or by way of it."""
        if self.source_hosts is None:
            return True
        name = spell_host(host)
        return any(_covers(allowed, name) for allowed in self.source_hosts)


NO_LIMITS: Final = Grant()
"""Everything but the management of keys."""


def _refusal(asked: str, allowed: frozenset[str] | frozenset[Mode]) -> ClientFault:
    listed = ", ".join(sorted(allowed)) or "none"
    return ClientFault(f"{asked}: this key may not ask for it; it may for {listed}")


def spell_host(text: str) -> str:
    """Return a host, or a pattern, in small letters, without a dot at its end, IPv6 in brackets."""
    host = text.strip().lower().rstrip(".")
    if ":" not in host:
        return host
    try:
        return f"[{IPv6Address(host.removeprefix('[').removesuffix(']'))}]"
    except ValueError:
        return host  # which no URL names


def _covers(allowed: str, host: str) -> bool:
    """Tell whether a host, or every host of a pattern, is among those that are allowed."""
    return host.endswith(allowed[1:]) if allowed.startswith("*.") else host == allowed


def _common(
    one: frozenset[Member] | None, other: frozenset[Member] | None
) -> frozenset[Member] | None:
    if one is None or other is None:
        return one if other is None else other
    return one & other


def _common_hosts(
    one: frozenset[str] | None, other: frozenset[str] | None
) -> frozenset[str] | None:
    if one is None or other is None:
        return one if other is None else other
    within = {host for host in one if any(_covers(wider, host) for wider in other)}
    return frozenset(
        within | {host for host in other if any(_covers(wider, host) for wider in one)}
    )


def _least(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return one if other is None else other
    return min(one, other)
