"""Why a stream cannot be used, in the words that the client reads.

One function for each row of the protocol's table of errors, so that a case is worded once.
"""

from __future__ import annotations

from scribewire.errors import ClientFault


class SourceFault(ClientFault):
    """A stream cannot be used; the message is for the client."""

    def __init__(
        self, message: str, *, is_transient: bool = False, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.is_transient = is_transient
        """Trying again later may help."""
        self.status = status
        """The HTTP status that said so, if one did."""
        self.is_final = False
        """The source is over: opened again, it would not go on where it stopped."""
        self.is_refusal = False
        """Nothing was asked of the other server: the address alone was looked at."""


def invalid_stream(
    cause: str, *, is_transient: bool = False, status: int | None = None
) -> SourceFault:
    """Say that nothing usable comes from there: unreachable, not found, expired, broken."""
    return SourceFault(
        f"invalid stream: {cause}; expected audio at the URL; check the URL and try again",
        is_transient=is_transient,
        status=status,
    )


def authentication_required(
    cause: str,
    *,
    status: int | None = None,
    remedy: str = "use a signed URL or put user and password into it",
) -> SourceFault:
    """Say that the other server wants to know who asks."""
    return SourceFault(
        f"stream requires authentication: {cause}; expected a URL that may be read as it is; "
        f"{remedy}",
        status=status,
    )


def unsupported_format(found: str) -> SourceFault:
    """Say that something came, but nothing that can be decoded to sound."""
    return SourceFault(
        f"unsupported format: found {found}; expected audio, or video with an audio track; "
        "check that the URL names the media itself"
    )


def address_not_allowed(cause: str) -> SourceFault:
    """Say that this server does not go there, whoever asks."""
    fault = SourceFault(
        f"stream address not allowed: {cause}; expected an http or https URL of a public host; "
        "ask whoever runs this server to allow others"
    )
    fault.is_refusal = True
    return fault


def connection_timeout(seconds: float) -> SourceFault:
    """Say that the other server did not answer in time."""
    return SourceFault(
        f"connection timeout: the stream did not answer within {seconds:g} s; "
        "check that it is running and try again",
        is_transient=True,
    )
