"""This dialect as a server sees it: a request at one of its endpoints begins a dialogue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from scribewire.protocol.dialogue import Dialogue, OpeningRequest
from scribewire.protocol.policy import ServerPolicy
from scribewire.protocol.results import ResultShape
from scribewire.protocol.scriptix.endpoint import Endpoint
from scribewire.protocol.scriptix.handshake import parse_handshake
from scribewire.protocol.scriptix.server import ServerConnection


@dataclass(frozen=True, slots=True)
class ScriptixDialect:
    """The `Dialect` of one endpoint."""

    endpoint: Endpoint
    legacy_shape: ResultShape | None = None
    """What `results=legacy` asks for; None where the path says which shape it is."""

    @property
    def path(self) -> str:
        """Where it is spoken."""
        return self.endpoint.path

    @property
    def usage(self) -> str:
        """The address to connect to, for a person to read."""
        return f"{self.path}/KEY?url=..." if self.endpoint.is_stream else self.path

    def read_request(
        self, path: str, query: str, headers: Iterable[tuple[str, str]]
    ) -> OpeningRequest | None:
        """Read an opening request; None if its path is another's."""
        handshake = parse_handshake(self.endpoint, path, query, headers)
        if handshake is None:
            return None

        def begin(policy: ServerPolicy, session_id: str, now: float) -> Dialogue:
            name = handshake.shape_name or policy.shape_name
            shape = self.legacy_shape if name == "legacy" else None
            return ServerConnection(handshake, policy, session_id=session_id, now=now, shape=shape)

        return OpeningRequest(
            path=self.path,
            keys=handshake.keys,
            subprotocols=handshake.subprotocols,
            wishes=handshake.wishes,
            is_resumable=handshake.is_resumable,
            come_back=handshake.come_back,
            unknown_parameters=handshake.unknown_parameters,
            begin=begin,
        )
