"""What a source is called among servers: the same for all who may hear the same, told to nobody.

The address may hold secrets, so NATS has neither it nor anything that could be tried against it
without the secret: a keyed digest of what those have in common who may hear together.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import secrets
from typing import TYPE_CHECKING, Final

from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError

from scribewire.cluster.connection import ClusterConnection, ClusterFault, translated
from scribewire.cluster.stored import have_bucket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scribewire.settings import Settings
    from scribewire.sources.shared.pulls import AskedPull

FORMAT: Final = 1
"""Of the feed: servers that would not understand each other do not share."""

BUCKET: Final = "scribewire-pulls"
_ENTRY: Final = "secret"
_SECRET_BYTES: Final = 32
_NAME_DIGITS: Final = 32  # 128 bits


class SourceNames:
    """Names sources for one server. Belongs to the thread of its event loop."""

    def __init__(self, connection: ClusterConnection, settings: Settings) -> None:
        self._connection = connection
        secret = settings.token_secret
        self._is_given = secret is not None
        self._secret = None if secret is None else _derived(secret.encode())
        self._policy = _policy_of(settings)

    @contextlib.asynccontextmanager
    async def agreeing(self) -> AsyncIterator[None]:
        """Agree with the other servers, whenever NATS is there, while the context is open."""
        forget = self._connection.on_up(self._find_secret)
        try:
            if self._connection.is_up:
                with contextlib.suppress(ClusterFault):  # then it is done when it is there again
                    await self._find_secret()
            yield
        finally:
            forget()

    def name(self, asked: AskedPull) -> str:
        """Return what it is called. Raises ClusterFault while no secret is known."""
        if self._secret is None:
            raise ClusterFault("the cluster cannot be reached now")
        url, wish, hosts = asked.key()
        common = [
            FORMAT,
            url.text,
            url.authorization,
            wish.number,
            wish.language,
            None if hosts is None else sorted(hosts),
            self._policy,
        ]
        digest = hmac.new(self._secret, json.dumps(common).encode(), hashlib.sha256)
        return digest.hexdigest()[:_NAME_DIGITS]

    async def _find_secret(self) -> None:
        """Have one, and the same at all servers: where none is set, the first one makes it.

        Where NATS has lost it the first one that comes back brings it.
        """
        if self._is_given:
            return
        with translated():
            bucket = await have_bucket(self._connection, BUCKET)
            try:
                found = (await bucket.get(_ENTRY)).value
            except KeyNotFoundError:
                found = self._secret or secrets.token_bytes(_SECRET_BYTES)
                try:
                    await bucket.create(_ENTRY, found)
                except KeyWrongLastSequenceError:
                    found = (await bucket.get(_ENTRY)).value
            self._secret = found or None


def _derived(secret: bytes) -> bytes:
    return hmac.new(secret, b"scribewire names of pulls", hashlib.sha256).digest()


def _policy_of(settings: Settings) -> list[object]:
    """Return by which rules a server pulls: others may hear it only by the same."""
    certificates = settings.source_ca
    return [
        sorted(settings.allow_source),
        sorted(settings.deny_source),
        None if certificates is None else hashlib.sha256(certificates.read_bytes()).hexdigest(),
        settings.source_retry_ms,
    ]
