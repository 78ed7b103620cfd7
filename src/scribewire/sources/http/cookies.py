"""The cookies of one source, for as long as it is pulled (RFC 6265, what of it serves here).

A station's redirect sets one and wants it back, a playlist sets one that its segments need. No
other session sees them, and no other site: there is no list of public suffixes here, so a cookie
for more than its own host is kept to that host where its domain looks like one (`co.uk`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from scribewire.sources.http.resolver import is_address

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scribewire.sources.http.urls import HttpUrl

MAX_COOKIES = 50
"""As many as RFC 6265 asks a browser to keep for a site; the oldest goes first."""
MAX_COOKIE_BYTES = 4096
"""Of name and value, as there."""
MAX_BYTES = 16_384
"""Of all together: most servers refuse a longer header."""

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\x20-\x3a\x3c-\x7e]*")
_AGE: Final = re.compile(r"-?\d{1,12}", re.ASCII)
_LIKE_A_SUFFIX: Final = re.compile(r"(?:[^.]+|[^.]{1,3}\.[^.]{2})")


@dataclass(frozen=True, slots=True)
class _Place:
    """What a cookie is known by: a later one for the same place stands for it."""

    name: str
    domain: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cookie:
    value: str
    is_for_subdomains: bool
    is_secure: bool
    expires_at: float | None


class CookieJar:
    """Keep what servers set, and tell what to send. Times are seconds since 1970."""

    def __init__(self) -> None:
        self._cookies: dict[_Place, _Cookie] = {}

    def receive(self, url: HttpUrl, lines: Iterable[str], now: float) -> None:
        """Take the `Set-Cookie` lines of an answer from `url`."""
        for line in lines:
            pair, *others = line.split(";")
            name, equals, value = (text.strip() for text in pair.partition("="))
            is_sound = _NAME.fullmatch(name) and equals and _VALUE.fullmatch(value)
            if is_sound and len(name) + len(value) <= MAX_COOKIE_BYTES:
                self._set(url, name, value, _attributes(others), now)

    def header_for(self, url: HttpUrl, now: float) -> str | None:
        """Return the `Cookie` field of a request for `url`, if there is one."""
        path = _path_of(url)
        fitting = [
            (place, cookie)
            for place, cookie in self._cookies.items()
            if _is_for_host(place.domain, cookie, url.host)
            and _is_for_path(place.path, path)
            and (url.scheme == "https" or not cookie.is_secure)
            and (cookie.expires_at is None or cookie.expires_at > now)
        ]
        fitting.sort(key=lambda found: -len(found[0].path))
        return "; ".join(f"{place.name}={each.value}" for place, each in fitting) or None

    def _set(
        self, url: HttpUrl, name: str, value: str, attributes: dict[str, str], now: float
    ) -> None:
        domain = attributes.get("domain", "").removeprefix(".").lower()
        is_wider = domain and url.host.endswith("." + domain) and not is_address(url.host)
        if domain and not is_wider and domain != url.host:
            return  # of somebody else
        is_secure = "secure" in attributes
        if is_secure and url.scheme != "https":
            return
        is_kept_to_host = not domain or _LIKE_A_SUFFIX.fullmatch(domain) is not None
        path = attributes.get("path", "")
        place = _Place(
            name=name,
            domain=url.host if is_kept_to_host else domain,
            path=path if path.startswith("/") else _path_of(url).rpartition("/")[0] or "/",
        )
        self._cookies.pop(place, None)
        expires_at = _expiry(attributes, now)
        if expires_at is None or expires_at > now:
            self._cookies[place] = _Cookie(
                value=value,
                is_for_subdomains=not is_kept_to_host and not is_address(url.host),
                is_secure=is_secure,
                expires_at=expires_at,
            )
            self._make_room()

    def _make_room(self) -> None:
        while len(self._cookies) > MAX_COOKIES or self._size() > MAX_BYTES:
            del self._cookies[next(iter(self._cookies))]

    def _size(self) -> int:
        return sum(len(place.name) + len(each.value) + 3 for place, each in self._cookies.items())


def _attributes(texts: Iterable[str]) -> dict[str, str]:
    pairs = (text.partition("=") for text in texts)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _expiry(attributes: dict[str, str], now: float) -> float | None:
    """Return when a cookie is over; None: with the session."""
    age = attributes.get("max-age", "")
    if _AGE.fullmatch(age):
        return now + int(age)
    try:
        return parsedate_to_datetime(attributes.get("expires", "")).timestamp()
    except (ValueError, OverflowError, TypeError):
        return None


def _path_of(url: HttpUrl) -> str:
    return url.target.partition("?")[0]


def _is_for_host(domain: str, cookie: _Cookie, host: str) -> bool:
    return host == domain or (cookie.is_for_subdomains and host.endswith("." + domain))


def _is_for_path(path: str, asked: str) -> bool:
    return asked == path or asked.startswith(path if path.endswith("/") else path + "/")
