"""`POST /v1/tokens`: a key's owner asks for a token that a web page may show in its place."""

from __future__ import annotations

import logging
from typing import Annotated

from pydantic import Field

from scribewire.errors import ClientFault
from scribewire.grants import Grant
from scribewire.keys.rights import LANGUAGE, SOURCE_HOST
from scribewire.keys.tokens import MAX_LIFETIME_S, MIN_LIFETIME_S
from scribewire.log_line import LogLine
from scribewire.origins import ORIGIN, normalise_origin
from scribewire.server.rest.faults import forbidden
from scribewire.server.rest.table import Answer, AnswerModel, BodyModel, RestCall, Route
from scribewire.types import Mode

USUAL_LIFETIME_S = 60  # to open a page's socket; what has begun goes on
_MOST = 20  # of a list: the token has to fit into a request

_log = logging.getLogger("scribewire.server")

_Origin = Annotated[str, Field(pattern=ORIGIN, max_length=200)]
_Language = Annotated[str, Field(pattern=LANGUAGE)]
_Host = Annotated[str, Field(pattern=SOURCE_HOST, max_length=200)]


class TokenWishes(BodyModel):
    """What a token may be used for: all that its key may, but for what is said here."""

    expires_in_s: int = Field(
        default=USUAL_LIFETIME_S,
        ge=MIN_LIFETIME_S,
        le=MAX_LIFETIME_S,
        description="How long sessions may begin with it. One that has begun goes on.",
    )
    single_use: bool = Field(default=False, description="For one session only.")
    origins: list[_Origin] | None = Field(
        default=None,
        min_length=1,
        max_length=_MOST,
        description="Pages that it may be used from, as `https://captions.example`.",
    )
    types: list[Mode] | None = Field(
        default=None, min_length=1, max_length=_MOST, description="Types of session."
    )
    languages: list[_Language] | None = Field(
        default=None, min_length=1, max_length=_MOST, description="Codes of two letters."
    )
    source_hosts: list[_Host] | None = Field(
        default=None,
        max_length=_MOST,
        description="Hosts that stream URLs may lead to; `*.example.org` is every host below it. "
        "An empty list allows no stream URL.",
    )
    max_minutes: float | None = Field(
        default=None, gt=0, le=1440, description="Audio of each session that begins with it."
    )

    @property
    def limits(self) -> Grant:
        """What it narrows its key to."""
        origins = None if self.origins is None else map(normalise_origin, self.origins)
        return Grant(
            modes=None if self.types is None else frozenset(self.types),
            languages=None if self.languages is None else frozenset(self.languages),
            origins=None if origins is None else frozenset(origins),
            source_hosts=None if self.source_hosts is None else frozenset(self.source_hosts),
            max_audio_s=None if self.max_minutes is None else self.max_minutes * 60,
        )


class MadeToken(AnswerModel):
    """A token, which is shown this once."""

    token: str = Field(description="It goes wherever a key goes.")
    token_id: str = Field(description="Names it in the server's log.")
    expires_at: int = Field(description="Until when sessions may begin with it, in Unix seconds.")


async def _make_token(call: RestCall) -> Answer:
    wishes = call.read_body(TokenWishes)
    try:
        issued = call.services.tokens.issue(
            call.grant,
            wishes.limits,
            lifetime_s=wishes.expires_in_s,
            is_single_use=wishes.single_use,
        )
    except ClientFault as fault:
        raise forbidden(fault.message) from None
    _log.info(
        LogLine(
            "token_issued",
            "= token {token} of key {key}",
            token=issued.token_id,
            key=call.grant.key_id,
        )
    )
    made = MadeToken(token=issued.token, token_id=issued.token_id, expires_at=issued.expires_at)
    return Answer(body=made, status=201)


TOKEN_ROUTES = (
    Route(
        method="POST",
        path="/v1/tokens",
        summary="Make a short-lived token of a key, for a web page.",
        access="key",
        answers={201: MadeToken},
        body=TokenWishes,
        handle=_make_token,
    ),
)
