"""What a key may be made for, read from what an operator has written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from typing import Final, cast, get_args

from scribewire.errors import ClientFault
from scribewire.grants import Grant
from scribewire.origins import ORIGIN, normalise_origin
from scribewire.types import Mode

_HIDDEN = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
NAME: Final = rf"^[^{_HIDDEN}]*[^\s{_HIDDEN}][^{_HIDDEN}]*$"
"""On one line, and not blank."""
MAX_NAME_CHARACTERS: Final = 200
MAX_SESSIONS: Final = 1_000_000
MAX_MINUTES: Final = 100_000_000
"""Nobody means more, and databases hold no more than so many digits."""
LATEST: Final = 253_402_300_799
"""The last second of the year 9999, in Unix seconds."""

LANGUAGE: Final = r"^[a-z]{2}$"
SOURCE_HOST: Final = (
    r"^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_\-]*\.)*[A-Za-z0-9_\-]*$|^\[[0-9A-Fa-f:.]+\]$"
)
"""A host, every host below one, or an IPv6 address."""

_MODES: Final = get_args(Mode)


_OF_A_GRANT: Final = {
    "types": "modes",
    "minutes_per_day": "max_audio_s_per_day",
    "minutes_per_month": "max_audio_s_per_month",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RightsChange:
    """What becomes different of a key."""

    rights: Grant
    fields: frozenset[str]
    """Those of the rights that count; the others stay as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedRights:
    """What an operator asks for; None: no limit."""

    name: str | None = None
    types: Iterable[str] | None = None
    languages: Iterable[str] | None = None
    origins: Iterable[str] | None = None
    source_hosts: Iterable[str] | None = None
    max_sessions: int | None = None
    minutes_per_day: float | None = None
    minutes_per_month: float | None = None
    expires_at: int | None = None
    is_admin: bool = False

    def as_grant(self, *, now: float) -> Grant:
        """Return the rights. Raises ClientFault for what cannot be."""
        name = self.name or ""
        is_told = re.fullmatch(NAME, name) and _is_unicode(name)
        if not is_told or len(name) > MAX_NAME_CHARACTERS:
            told = f"name: expected 1 to {MAX_NAME_CHARACTERS} characters that can be seen"
            raise ClientFault(f"{told}, on one line")
        if self.expires_at is not None and not now < self.expires_at <= LATEST:
            raise ClientFault("expiry: expected a time to come, before the year 10000")
        for what, given, most in (
            ("max_sessions", self.max_sessions, MAX_SESSIONS),
            ("minutes_per_day", self.minutes_per_day, MAX_MINUTES),
            ("minutes_per_month", self.minutes_per_month, MAX_MINUTES),
        ):
            if given is not None and not 0 < given <= most:
                told = f"{what}: expected more than 0, at most {most}"
                raise ClientFault(f"{told}; to end a key, revoke it")
        modes = _read("type", self.types, _is_mode, f"one of {', '.join(_MODES)}")
        return Grant(
            name=name,
            is_admin=self.is_admin,
            modes=cast("frozenset[Mode] | None", modes),  # `_is_mode` has said so
            languages=_read("language", self.languages, _matches(LANGUAGE), "a code as `nl`"),
            origins=_read(
                "origin", self.origins, _matches(ORIGIN), "a page's as `https://captions.example`"
            ),
            source_hosts=_read(
                "source host",
                self.source_hosts,
                _matches(SOURCE_HOST),
                "a host as `radio.example` or `[2001:db8::1]`, in ASCII, or `*.example.org` for "
                "every host below it",
            ),
            max_sessions=self.max_sessions,
            max_audio_s_per_day=_seconds(self.minutes_per_day),
            max_audio_s_per_month=_seconds(self.minutes_per_month),
            expires_at=self.expires_at,
        )

    def as_change(self, *, lifted: Iterable[str], now: float) -> RightsChange:
        """Return what becomes different of a key: what is said here, and limits that are lifted.

        `lifted` are fields of this class. Raises ClientFault for what cannot be.
        """
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        said = {name for name, value in values.items() if value is not None and value is not False}
        without = set(lifted)
        if said & without:
            raise ClientFault(f"{min(said & without)}: there is a limit, and it is lifted; say one")
        wanted = self if "name" in said else replace(self, name="as it is")
        return RightsChange(
            rights=wanted.as_grant(now=now),
            fields=frozenset(_OF_A_GRANT.get(one, one) for one in said | without),
        )


def _read(
    what: str, given: Iterable[str] | None, is_one: Callable[[str], bool], expected: str
) -> frozenset[str] | None:
    if given is None:
        return None
    names = frozenset(normalise_origin(name) for name in given)
    for name in sorted(names):
        if not is_one(name):
            raise ClientFault(f"{what} {name!r}: expected {expected}")
    return names


def _is_unicode(text: str) -> bool:
    """Tell whether it can be written; what stood for bytes on a command line cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _is_mode(name: str) -> bool:
    return name in _MODES


def _matches(pattern: str) -> Callable[[str], bool]:
    return lambda name: re.fullmatch(pattern, name) is not None


def _seconds(minutes: float | None) -> float | None:
    return None if minutes is None else minutes * 60
