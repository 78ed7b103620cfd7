"""Requests of commands to a server elsewhere, with a key that may ask."""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING, Literal
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from scribewire.cli.exits import CommandFault, ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY_HEADER = "x-api-key"

_TIMEOUT_S = 10.0
_MAX_ANSWER_BYTES = 64 * 1024  # ours are a few hundred
_SCHEMES = {"ws": "http", "wss": "https", "http": "http", "https": "https"}
_NO_ADDRESS = "expected the address of a server, as wss://captions.example:8000"
_UNTRUSTED = "if the authority is your own, set SSL_CERT_FILE to the file with its certificate"


@dataclass(frozen=True, slots=True)
class RemoteAnswer:
    """What came back."""

    status: int
    fields: Mapping[str, object]
    """Of the JSON object that came; empty where none did."""

    @property
    def message(self) -> str:
        """The server's words, if it has refused."""
        words = self.fields.get("message")
        return words if isinstance(words, str) else ""


@dataclass(frozen=True, slots=True)
class RemoteServer:
    """A server that is asked over HTTP."""

    url: str
    """Its http:// or https:// address, without the path of an endpoint or a slash at its end."""
    key: str = field(repr=False)

    @classmethod
    def at(cls, address: str, key: str) -> RemoteServer:
        """Return the server at an address as clients have it. Raises CommandFault."""
        if not key:
            told = "missing key: give --key, or set SCRIBEWIRE_KEY"
            raise CommandFault(told, ExitCode.USAGE)
        if not (key.isascii() and key.isprintable()):
            raise CommandFault("--key: expected visible ASCII characters", ExitCode.USAGE)
        url = _http_address(address)
        if url is None:
            raise CommandFault(_NO_ADDRESS, ExitCode.USAGE)
        return cls(url, key)

    @property
    def name(self) -> str:
        """Host and port, for people."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    def ask(self, method: Literal["GET", "POST"], path: str) -> RemoteAnswer:
        """Send one request, and return what is answered, whatever its status.

        Raises CommandFault, with exit code 4, if nothing of ours answers.
        """
        request = Request(  # noqa: S310 - the scheme is one of two
            self.url + path,
            method=method,
            headers={KEY_HEADER: self.key},
            data=b"" if method == "POST" else None,
        )
        try:
            with self._open(request) as answer:
                return RemoteAnswer(answer.status, _read_fields(answer))
        except HTTPError as refusal:
            with refusal:
                return RemoteAnswer(refusal.code, _read_fields(refusal))
        except (OSError, HTTPException) as failure:
            raise self._explain(failure) from failure

    def _open(self, request: Request) -> HTTPResponse:
        from scribewire.client.opening import is_loopback

        # A proxy never knows our own machine.
        proxies = ProxyHandler({} if is_loopback(urlsplit(self.url).hostname or "") else None)
        answer: HTTPResponse = build_opener(proxies, _NoRedirect).open(request, timeout=_TIMEOUT_S)
        return answer

    def _explain(self, failure: Exception) -> CommandFault:
        cause = failure.reason if isinstance(failure, URLError) else failure
        if isinstance(cause, ssl.SSLCertVerificationError):
            words = f"the certificate of {self.name} is not trusted: {cause.verify_message}"
            return CommandFault(f"{words}; {_UNTRUSTED}", ExitCode.UNREACHABLE)
        told = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
        words = f"cannot reach {self.name}: {told}; is the server running there?"
        return CommandFault(words, ExitCode.UNREACHABLE)


class _NoRedirect(HTTPRedirectHandler):
    """A redirect is an answer: followed, it would take the key to another server."""

    def redirect_request(self, *_args: object, **_options: object) -> None:
        return None


def _http_address(address: str) -> str | None:
    """Return where a server is asked over HTTP, or None if this is no address of one."""
    from scribewire.protocol.dialects import find_destination
    from scribewire.wishes import USUAL

    try:
        parts = urlsplit(find_destination(address, USUAL).server)
        is_one = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, or none that there is
        return None
    if not is_one:
        return None
    return urlunsplit((_SCHEMES[parts.scheme], parts.netloc, parts.path.rstrip("/"), "", ""))


def _read_fields(answer: HTTPResponse | HTTPError) -> Mapping[str, object]:
    try:
        said = json.loads(answer.read(_MAX_ANSWER_BYTES))
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
