"""What both clients say before the first message, and how they use websockets."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypedDict
from urllib.parse import urlencode, urlsplit

from scribewire.client.errors import MissingTokenError, MissingUrlError
from scribewire.protocol.dialects import find_destination
from scribewire.protocol.resuming import ComeBack
from scribewire.protocol.scriptix.endpoint import Endpoint
from scribewire.protocol.scriptix.parameters import is_stream_url
from scribewire.protocol.scriptix.resume_parameters import write_resume
from scribewire.protocol.strict_json import MAX_MESSAGE_BYTES
from scribewire.wishes import USUAL, Wishes

KEY_HEADER = "x-api-key"  # a query ends up in the logs of proxies, a header does not

AUDIO_PIECE_BYTES = 8 * 1024  # 0.26 s: fits into the free part of any socket that is writable
MAX_UNREAD_MESSAGES = 16_384  # an hour of speech at four results a second; some 10 MB
CLOSE_TIMEOUT_S = 2.0  # a server that is slowing us down answers late, and nobody waits for it
PING_TIMEOUT_S = 300.0  # while we are slowed down, a ping waits behind our own audio
REPLAY_CHECK_S = 0.05  # how soon who receives sees that there is room for audio to be sent again
ATTEMPT_TIMEOUT_S = 5.0  # of a handshake to come back: where nobody answers, another one may


class WebSocketOptions(TypedDict):
    """How to call either `connect` of websockets."""

    additional_headers: dict[str, str]
    proxy: Literal[True] | None
    compression: None
    open_timeout: float
    close_timeout: float
    ping_timeout: float
    max_size: int
    max_queue: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One connection as its user wants it, checked."""

    url: str = field(repr=False)
    """Where to connect to, with every parameter but the key; a stream's may hold credentials."""
    endpoint: Endpoint
    """Which dialogue will follow."""
    key: str = field(repr=False)
    """Who we are; never shown."""
    wishes: Wishes = USUAL
    """What the session is asked for."""
    timeout_s: float = 15.0
    """How long the server may take until it is listening, or says again that it is loading."""

    @property
    def is_stream(self) -> bool:
        """Whether the server brings the audio."""
        return self.endpoint.is_stream

    @property
    def address(self) -> str:
        """Host and port, for a person to read; a user name and password are left out."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    def url_for(self, resuming: bool | ComeBack) -> str:
        """Return where to connect to for a session that can be resumed, or to go on with one."""
        asked = urlencode(write_resume(resuming, is_stream=self.is_stream))
        if not asked:
            return self.url
        return f"{self.url}{'&' if urlsplit(self.url).query else '?'}{asked}"

    def websocket_options(self, *, is_come_back: bool = False) -> WebSocketOptions:
        """Return how to call either `connect` of websockets."""
        most_s = ATTEMPT_TIMEOUT_S if is_come_back else self.timeout_s
        return {
            "additional_headers": {KEY_HEADER: self.key},
            # True: as the environment says. A proxy never knows our own machine.
            "proxy": None if is_loopback(urlsplit(self.url).hostname or "") else True,
            "compression": None,  # PCM hardly shrinks, and results are too short to
            "open_timeout": min(self.timeout_s, most_s),
            "close_timeout": CLOSE_TIMEOUT_S,
            "ping_timeout": PING_TIMEOUT_S,
            "max_size": MAX_MESSAGE_BYTES,
            "max_queue": MAX_UNREAD_MESSAGES,
        }


def prepare_opening(server: str, wishes: Wishes, *, key: str | None, timeout_s: float) -> Opening:
    """Check what can be checked without a server.

    Raises `MissingTokenError`, `MissingUrlError`, or `ValueError` for what cannot be asked for.
    """
    destination = find_destination(server, wishes)
    url = destination.url(wishes)
    if destination.endpoint.is_stream:
        _check_stream(wishes)
    elif wishes.pace != USUAL.pace:
        raise ValueError("pace: expected only with `url`; audio that is sent has its sender's pace")
    elif wishes.track is not None:
        raise ValueError("track: expected only with `url`; audio that is sent is one track")
    return Opening(
        url=url,
        endpoint=destination.endpoint,
        key=_check_key(key),
        wishes=wishes,
        timeout_s=timeout_s,
    )


def cut_audio(pcm: bytes | bytearray | memoryview) -> Iterator[bytes]:
    """Cut audio of any size into messages, however its items are laid out."""
    view = memoryview(pcm).cast("B")
    for start in range(0, len(view), AUDIO_PIECE_BYTES):
        yield bytes(view[start : start + AUDIO_PIECE_BYTES])


def is_loopback(host: str) -> bool:
    """Tell whether the host is this machine, as far as its name says."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_stream(wishes: Wishes) -> None:
    if not wishes.url:
        raise MissingUrlError
    if not is_stream_url(wishes.url):  # not quoted: it may hold credentials
        raise ValueError("url: expected the http:// or https:// address of a stream, with a host")
    if wishes.digits:
        raise ValueError("digits: not in stream mode, which has no way to ask for it")


def _check_key(key: str | None) -> str:
    if not key:
        raise MissingTokenError
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ValueError(
            "key: expected visible ASCII characters only; look for a space or a line break in it"
        )
    return key
