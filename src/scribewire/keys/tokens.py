"""Short-lived tokens that stand for a key where it cannot be kept secret: in a browser.

Theory of operation. A token is a JSON Web Token, signed with HMAC-SHA-256 by a secret of the
server's, so nothing is stored when one is made. It says whose key it is and what it is limited to;
what it allows is what its key allows at the moment it is shown, narrowed to that. So it ends with
its key, or with the secret of the key that it was made with, and is never wider than it. What a
used token leaves behind is its name, until it expires.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf
from typing import Final, Protocol

import jwt
from pydantic import BaseModel, ConfigDict, ValidationError

from scribewire.errors import ClientFault
from scribewire.grants import Grant
from scribewire.types import Mode

MIN_LIFETIME_S: Final = 10
"""Less, and a page on a slow network shows it too late."""
MAX_LIFETIME_S: Final = 3600
"""Who needs one for longer asks again."""
MIN_SECRET_BYTES: Final = 32
"""What HMAC-SHA-256 is as strong as (RFC 7518, section 3.2)."""

_ALGORITHM = "HS256"
_AUDIENCE = "scribewire"
_CLOCK_SKEW_S = 60  # between servers that share a secret
_ID_BYTES = 12
# What every token of ours begins with: nothing is read of one that names another algorithm.
_HEADER = jwt.encode({}, bytes(MIN_SECRET_BYTES), algorithm=_ALGORITHM).partition(".")[0] + "."


def make_secret() -> bytes:
    """Return a fresh random secret to sign with."""
    return secrets.token_bytes(MIN_SECRET_BYTES)


class KeyGrants(Protocol):
    """Who knows the keys, and what comes with each at this moment."""

    def grant_of(self, key: str) -> Grant | None:
        """Return what may be done with a key; None: nothing."""

    def grant_of_id(self, key_id: str, *, secret_id: str | None = None) -> Grant | None:
        """Return the same for the key with this `Grant.key_id`, without the key.

        None too where `secret_id` is of a secret of it that is not taken any more.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """A token that has just been made."""

    token: str
    """To be shown in place of the key."""
    token_id: str
    """Names it in a log; it opens nothing."""
    expires_at: int
    """Until when sessions may begin with it, in Unix seconds."""


class _Claims(BaseModel):
    """What a token says. What is unknown may be a limit of a later version: refuse it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    aud: str
    iat: int
    exp: int
    sub: str
    jti: str
    secret_id: str = ""
    once: bool = False
    modes: frozenset[Mode] | None = None
    languages: frozenset[str] | None = None
    origins: frozenset[str] | None = None
    source_hosts: frozenset[str] | None = None
    max_audio_s: float | None = None

    @property
    def limits(self) -> Grant:
        """What it narrows its key's grant to."""
        return Grant(
            modes=self.modes,
            languages=self.languages,
            origins=self.origins,
            source_hosts=self.source_hosts,
            max_audio_s=self.max_audio_s,
            expires_at=self.exp,
        )


class Tokens:
    """Makes tokens, and tells what comes with one, or with a key, that is shown."""

    def __init__(
        self, keys: KeyGrants, secret: bytes, *, now: Callable[[], float] = time.time
    ) -> None:
        assert len(secret) >= MIN_SECRET_BYTES, "a shorter secret could be found out"
        self._keys = keys
        self._secret = secret
        self._now = now
        self._began_at = int(now())
        self._used: dict[str, float] = {}  # names of those that were used, and until when to know

    def issue(
        self, grant: Grant, limits: Grant, *, lifetime_s: int, is_single_use: bool = False
    ) -> IssuedToken:
        """Return a token for the key of `grant`, with these limits besides those of the key.

        Raises ClientFault where it would be wider than the key, or is made of a token.
        """
        assert MIN_LIFETIME_S <= lifetime_s <= MAX_LIFETIME_S
        if grant.token_id is not None:
            raise ClientFault("a token makes no tokens: use the key")
        _check_limits(grant, limits)
        now = int(self._now())
        claims = _Claims(
            aud=_AUDIENCE,
            iat=now,
            exp=now + lifetime_s,
            sub=grant.key_id,
            jti=secrets.token_urlsafe(_ID_BYTES),
            secret_id=grant.secret_id,
            once=is_single_use,
            modes=limits.modes,
            languages=limits.languages,
            origins=limits.origins,
            source_hosts=limits.source_hosts,
            max_audio_s=limits.max_audio_s,
        )
        said = claims.model_dump(mode="json", exclude_defaults=True)
        token = jwt.encode(said, self._secret, algorithm=_ALGORITHM)
        return IssuedToken(token=token, token_id=claims.jti, expires_at=claims.exp)

    def grant_of(self, shown: str) -> Grant | None:
        """Return what comes with a token, or with a key in its place; None: nothing."""
        claims = self._read(shown)
        if claims is None:
            return self._keys.grant_of(shown)
        grant = self._keys.grant_of_id(claims.sub, secret_id=claims.secret_id)
        if grant is None or self._has_ended(claims):
            return None
        narrowed = grant.narrowed_to(claims.limits)
        return replace(narrowed, is_admin=False, token_id=claims.jti, is_single_use=claims.once)

    def use(self, grant: Grant) -> None:
        """Take note that a session begins with this. Raises ClientFault for a used token."""
        if not grant.is_single_use or grant.token_id is None:
            return
        now = self._now()
        self._used = {name: ends_at for name, ends_at in self._used.items() if ends_at > now}
        if grant.token_id in self._used:
            raise ClientFault("unknown token: it was for one session, which has begun")
        # One that another server has made may have been made later than it is here.
        self._used[grant.token_id] = now + _CLOCK_SKEW_S + MAX_LIFETIME_S

    def _has_ended(self, claims: _Claims) -> bool:
        """Tell whether no session may begin with a token any more.

        Which of those for one session were used before this server began, nobody knows.
        """
        now = self._now()
        is_in_time = claims.iat - _CLOCK_SKEW_S <= now < claims.exp
        is_unused = claims.jti not in self._used and claims.iat >= self._began_at
        return not is_in_time or (claims.once and not is_unused)

    def _read(self, shown: str) -> _Claims | None:
        """Return what a token of ours says, whether or not it has ended; None if it is none."""
        if not shown.startswith(_HEADER) or not shown.isascii():
            return None
        try:
            said = jwt.decode(
                shown,
                self._secret,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                # The time is ours to judge; PyJWT knows the system's clock alone.
                options={
                    "require": ["aud", "iat", "exp", "sub", "jti"],
                    "strict_aud": True,
                    "verify_exp": False,
                    "verify_iat": False,
                },
            )
            return _Claims.model_validate(said)
        except (jwt.InvalidTokenError, ValidationError):
            return None


def _check_limits(grant: Grant, limits: Grant) -> None:
    """Raise ClientFault where limits allow what the grant does not."""
    both = grant.narrowed_to(limits)
    named = {
        "types": (limits.modes, both.modes, grant.modes),
        "languages": (limits.languages, both.languages, grant.languages),
        "origins": (limits.origins, both.origins, grant.origins),
        "source_hosts": (limits.source_hosts, both.source_hosts, grant.source_hosts),
    }
    for name, (asked, allowed, listed) in named.items():
        if asked is not None and asked != allowed:
            told = ", ".join(sorted(listed or ())) or "none"
            raise ClientFault(f"{name}: this key allows less; it allows {told}")
    if limits.max_audio_s is not None and limits.max_audio_s > (most := grant.max_audio_s or inf):
        raise ClientFault(f"max_minutes: this key allows less; it allows {most / 60:g}")
