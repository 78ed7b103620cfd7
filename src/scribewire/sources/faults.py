"""Why a stream cannot be used, in the words that the client reads.

One function for each row of the protocol's table of errors, so that a case is worded once.
"""

from __future__ import annotations

from typing import Final

from scribewire.errors import ClientFault, CloseCode

NOT_FOUND: Final = 404
CAUSES: Final = (
    "invalid stream",
    "stream requires authentication",
    "unsupported format",
    "stream address not allowed",
    "connection timeout",
)
"""The rows of the table: what each message begins with."""

_PUSHED_REMEDY: Final = (
    "expected one recording from its first byte on with nothing left out (WebM, Ogg, MP4 in "
    "fragments, MP3, FLAC, AAC), or PCM; begin a new recording for each connection"
)


class SourceFault(ClientFault):
    """A stream cannot be used; the message is for the client. What was said stays as it is."""

    def __init__(
        self,
        message: str,
        *,
        is_transient: bool = False,
        status: int | None = None,
        is_final: bool = False,
        close_code: CloseCode = CloseCode.CLIENT_FAULT,
        logged: str | None = None,
    ) -> None:
        super().__init__(message, close_code, logged=logged)
        self.is_transient = is_transient
        """Trying again later may help."""
        self.status = status
        """The HTTP status that said so, if one did."""
        self.is_final = is_final
        """The source is over: opened again, it would not go on where it stopped."""
        self._is_complete = True

    def __setattr__(self, name: str, value: object) -> None:
        if getattr(self, "_is_complete", False) and not name.startswith("__"):
            raise AttributeError(f"a fault does not change: {name}")
        super().__setattr__(name, value)

    @property
    def cause(self) -> str:
        """Which row of the table it is, for who counts; `other` for none."""
        return next((cause for cause in CAUSES if self.message.startswith(f"{cause}:")), "other")

    @property
    def may_pass(self) -> bool:
        """Whether a live source may come back; a radio server that restarts says 404 at first."""
        return not self.is_final and (self.is_transient or self.status == NOT_FOUND)

    def given_up(self) -> SourceFault:
        """Return it as our failure: it was tried again for as long as we are patient."""
        return self._with(close_code=CloseCode.SERVER_FAULT, is_final=True)

    def as_final(self) -> SourceFault:
        """Return it as what ends the source."""
        return self._with(is_final=True)

    def from_second(self, seconds: float) -> SourceFault:
        """Return it with the place from which on nothing was heard."""
        cause, semicolon, rest = self.message.partition("; ")
        at = f", from second {seconds:.1f} on"
        logged, other_semicolon, other_rest = self.logged.partition("; ")
        return self._with(
            message=f"{cause}{at}{semicolon}{rest}",
            logged=f"{logged}{at}{other_semicolon}{other_rest}",
        )

    def for_another(self) -> SourceFault:
        """Return it for one more who is told of it: what is raised once bears where that was."""
        return self._with()

    def told_as(self, message: str) -> SourceFault:
        """Return it in other words for the client; the log keeps its own."""
        return self._with(message=message, status=None)

    def of_pushed(self) -> SourceFault:
        """Return it as told to who has sent the media: there is no URL to be checked."""
        cause = self.message.partition("; ")[0]
        message = f"{cause}; {_PUSHED_REMEDY}"
        return self._with(message=message, logged=message, is_final=True)

    def _with(self, *, message: str | None = None, **changes: object) -> SourceFault:
        changed = SourceFault(self.message if message is None else message)
        vars(changed).update(vars(self) | changes | {"message": changed.message})
        return changed


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


def untrusted_server(cause: str, remedy: str) -> SourceFault:
    """Say that somebody answers, and does not prove to be the one who was asked."""
    return SourceFault(
        f"invalid stream: TLS failure, {cause}; expected a certificate that proves who answers; "
        f"{remedy}"
    )


def unsupported_format(found: str) -> SourceFault:
    """Say that something came, but nothing that can be decoded to sound."""
    return SourceFault(
        f"unsupported format: found {found}; expected audio, or video with an audio track; "
        "check that the URL names the media itself"
    )


def address_not_allowed(cause: str) -> SourceFault:
    """Say that this server does not go there, whoever asks."""
    return SourceFault(
        f"stream address not allowed: {cause}; expected an http or https URL of a public host; "
        "ask whoever runs this server to allow others",
    )


def host_not_granted(host: str) -> SourceFault:
    """Say that the key of the session leads no further."""
    return SourceFault(
        f"stream address not allowed: it leads to {host}, which this key may not have streams of; "
        "ask for a key with that source host",
    )


def scheme_not_allowed(scheme: str) -> SourceFault:
    """Say that only http and https are pulled, and how anything else may be pushed."""
    return SourceFault(
        f"stream address not allowed: the scheme of the URL is {scheme}; expected an http or https "
        "URL; audio from elsewhere (RTMP, RTSP, SRT, UDP) is pushed: "
        "ffmpeg -i URL -f s16le -ac 1 -ar 16000 - | scribewire transcribe - --server ADDRESS",
    )


def connection_timeout(seconds: float) -> SourceFault:
    """Say that the other server did not answer in time."""
    return SourceFault(
        f"connection timeout: the stream did not answer within {seconds:g} s; "
        "check that it is running and try again",
        is_transient=True,
    )
