"""What a server accepts: keys and languages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from scribewire.errors import ClientFault, ServerFault
from scribewire.grants import Grant
from scribewire.protocol.languages import LanguageOffer
from scribewire.types import ShapeName
from scribewire.wishes import Wishes

UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPolicy:
    """The settings of a server that its dialogues depend on."""

    languages: frozenset[str]
    """ISO 639-1 codes that have a model here."""
    default_language: str
    """For clients that name none; one of `languages`."""
    auto_languages: frozenset[str] = frozenset()
    """Those of `languages` that can be told from each other; none: it cannot be asked for."""
    grant_of: Callable[[str], Grant | None] = field(repr=False)
    """Tells what comes with a key, or with a token in its place; None: it may not connect."""
    start_timeout_ms: int = 15_000
    """How long a client may take to send `start`, and a source to be read."""
    shape_name: ShapeName = "standard"
    """How results look to clients that do not say it, where the path does not either."""
    serves_streams: bool = False
    """Whether this server fetches audio for its clients (stream mode)."""
    host_of: Callable[[str], str] = field(default=str, repr=False)
    """Returns the host that a stream URL leads to, read as whoever fetches it reads it."""

    def __post_init__(self) -> None:
        if self.default_language not in self.languages:
            available = ", ".join(sorted(self.languages)) or "none"
            raise ServerFault(
                f"default language {self.default_language}: no model; available: {available}"
            )

    def is_valid_key(self, key: str) -> bool:
        """Tell whether a key may connect."""
        return self.grant_of(key) is not None

    def settle_languages(self, wishes: Wishes) -> Wishes:
        """Return the wishes with what is recognized here, or raise `ClientFault`."""
        offer = LanguageOffer(
            languages=self.languages,
            default=self.default_language,
            auto=self.auto_languages,
            place="on this server",
        )
        return offer.settle(wishes)

    def grant(self, wishes: Wishes, key: str, place: str) -> tuple[Wishes, Grant]:
        """Return the wishes as they are granted and what else comes with the key.

        `place` says for people where the key stood. Raises `ClientFault`.
        """
        grant = self.grant_of(key)
        if grant is None:  # one of the handshake's was valid a moment ago
            raise ClientFault(f"unknown token: the key {place} is unknown, expired or revoked")
        wishes = self.settle_languages(wishes)
        grant.check(wishes, host=None if wishes.url is None else self.host_of(wishes.url))
        return wishes, grant


@dataclass(frozen=True, slots=True)
class HttpRefusal:
    """The HTTP answer that refuses a handshake."""

    status: int
    """The HTTP status code."""
    body: str
    """JSON, with `error` for programs and `message` for people."""


def refuse_keys(keys: Iterable[str], policy: ServerPolicy) -> HttpRefusal | None:
    """Return the refusal of a request that holds a bad key; None to accept it.

    Accepting is not approving: a missing key and bad parameters are reported in the dialogue.
    """
    if all(policy.is_valid_key(key) for key in keys):
        return None
    message = "unknown token: a key given with the request is unknown, expired or revoked"
    return HttpRefusal(UNAUTHORIZED, json.dumps({"error": "unknown token", "message": message}))


def choose_subprotocol(offered: Iterable[str], policy: ServerPolicy) -> str | None:
    """Return the first that is offered, None if none is: browsers fail without an answer.

    A key that stands among them by mistake is not repeated.
    """
    return next((name for name in offered if not policy.is_valid_key(name)), None)
