"""Read a URL strictly: http and https, one host, one meaning.

Where programs are known to disagree (backslashes, several @ signs, numbers that stand for an
address, letters that become dots), we refuse or settle it here, and nothing later reads the
text of the URL again.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field, replace
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final, Literal
from urllib.parse import quote, unquote_to_bytes, urljoin

import idna

from scribewire.sources.faults import (
    SourceFault,
    address_not_allowed,
    invalid_stream,
    scheme_not_allowed,
)
from scribewire.sources.http.networks import spell_address

MAX_URL_CHARACTERS = 8000  # what RFC 9110 asks every server to bear; signed URLs have some 1500
_MAX_SHOWN_CHARACTERS = 200  # a log line stays a line
_MAX_HOST_CHARACTERS = 253  # DNS
_MAX_LABEL_CHARACTERS = 63  # DNS
MAX_PORT = 65535

Scheme = Literal["http", "https"]
_PORTS: Final[dict[Scheme, int]] = {"http": 80, "https": 443}
_SPLIT: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?://([^/?#]*))?([^#]*)", re.DOTALL)
_HOST_AND_PORT: Final = re.compile(r"(\[[^]]*\]|[^:]*)(?::([0-9]{0,5}))?")
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?")
_LOOKS_LIKE_A_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")  # as the URL standard says it
_KEPT_CHARACTERS: Final = "%!$&'()*+,;=:@/?-._~[]|"  # of path and query, as they came


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpUrl:
    """A URL taken apart and found good; its address is still to be checked."""

    scheme: Scheme
    host: str
    """A name in ASCII and lower case, or an IP address in its usual form, without brackets."""
    port: int
    target: str
    """Path and query, as the request line has them."""
    authorization: str | None = field(default=None, repr=False)
    """What the user info of the URL is as a header field, if there is one."""

    @property
    def authority(self) -> str:
        """Return host and port, as the `Host` field has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def text(self) -> str:
        """Return the whole URL without user info. Its query may be a secret: never log it."""
        return f"{self.scheme}://{self.authority}{self.target}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target.partition('?')[0]}"

    def join(self, location: str) -> HttpUrl:
        """Return the URL that a redirect or a playlist at this one names.

        Credentials go with it only to where they belong: same host, same port, nothing weaker.
        """
        _check_text(location)
        try:
            joined = check_url(urljoin(self.text, location))
        except ValueError:  # urljoin finds brackets that do not match
            raise invalid_stream("it leads to a broken URL") from None
        if joined.authorization is None and self._shares_credentials_with(joined):
            return replace(joined, authorization=self.authorization)
        return joined

    def _shares_credentials_with(self, other: HttpUrl) -> bool:
        is_upgrade = self.scheme == "http" and (self.port, other.port) == (80, 443)
        is_same_port = (self.scheme, self.port) == (other.scheme, other.port)
        return self.host == other.host and (is_same_port or is_upgrade)


def check_url(url: str) -> HttpUrl:
    """Take a URL apart, or raise `SourceFault` with what is wrong with it."""
    _check_text(url)
    parts = _SPLIT.fullmatch(url.partition("#")[0])
    if parts is None:
        raise invalid_stream("the URL has no scheme, such as https://")
    scheme, authority, target = parts[1].lower(), parts[2], parts[3]
    if scheme not in ("http", "https"):
        raise scheme_not_allowed(scheme[:20])
    if not authority:
        raise invalid_stream("the URL names no host")
    user_info, at, host_and_port = authority.rpartition("@")
    if "@" in user_info or "\\" in authority or " " in authority:
        raise invalid_stream("the URL has a misleading host")
    host, port = _split_port(host_and_port, _PORTS["https" if scheme == "https" else "http"])
    return HttpUrl(
        scheme="https" if scheme == "https" else "http",
        host=normalise_host(host),
        port=port,
        target=_read_target(target),
        authorization=_read_user_info(user_info) if at else None,
    )


def normalise_host(text: str) -> str:
    """Return the one spelling of a host: a name, or an IP address without brackets."""
    if text.startswith("["):
        return _read_ipv6(text)
    if len(text) > _MAX_HOST_CHARACTERS + 1:  # for the dot at the end
        raise invalid_stream("the URL has a host name that cannot exist")
    host = text
    if not text.isascii():
        try:
            host = idna.encode(text, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            raise invalid_stream("the URL has a host name that cannot exist") from None
    host = host.lower().removesuffix(".")
    labels = host.split(".")
    if _LOOKS_LIKE_A_NUMBER.fullmatch(labels[-1]):
        return _read_ipv4(host)
    fits = all(len(label) <= _MAX_LABEL_CHARACTERS for label in labels)
    if fits and len(host) <= _MAX_HOST_CHARACTERS and all(map(_LABEL.fullmatch, labels)):
        return host
    raise invalid_stream("the URL has a host name that cannot exist")


def host_of(url: str) -> str:
    """Return the host of a URL for a log, or that there is none: a secret may stand anywhere."""
    try:
        return check_url(url).host
    except SourceFault:
        return "unreadable"


def shown(url: str) -> str:
    """Make any text that should be a URL fit for a log or a message.

    User info, query and fragment may be secrets and are left out.
    """
    bare = re.split(r"[?#]", url, maxsplit=1)[0]
    before, slashes, rest = bare.partition("//")
    if not slashes:
        before, rest = "", bare
    authority, slash, path = rest.partition("/")
    authority = re.split(r"[@\\]", authority)[-1]
    if re.search(r":[^]]*[^]0-9]", authority) and not authority.startswith("["):
        authority, slash, path = "…", "", ""  # a password that was cut at its own / or ?
    elif not slashes:
        path = path.rpartition("@")[2]
    text = f"{before}{slashes}{authority}{slash}{path}"
    cut = text if len(text) <= _MAX_SHOWN_CHARACTERS else text[: _MAX_SHOWN_CHARACTERS - 1] + "…"
    return "".join(character if character.isprintable() else "?" for character in cut)


def _check_text(url: str) -> None:
    if len(url) > MAX_URL_CHARACTERS:
        raise invalid_stream(f"the URL is longer than {MAX_URL_CHARACTERS} characters")
    if any(character != " " and not character.isprintable() for character in url):
        raise invalid_stream("the URL has characters that cannot be printed")


def _split_port(text: str, default: int) -> tuple[str, int]:
    found = _HOST_AND_PORT.fullmatch(text)
    if found is None:
        raise invalid_stream("the URL has a bad port")
    host, port = found[1], found[2]
    number = int(port) if port else default
    if not 0 < number <= MAX_PORT:
        raise invalid_stream("the URL has a bad port")
    if not host:
        raise invalid_stream("the URL names no host")
    return host, number


def _read_ipv4(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except AddressValueError:
        raise address_not_allowed("the host is an IP address in an unusual notation") from None


def _read_ipv6(text: str) -> str:
    if not text.endswith("]") or "%" in text:
        raise invalid_stream("the URL has a broken IPv6 address")
    try:
        return spell_address(IPv6Address(text[1:-1]))
    except AddressValueError:
        raise invalid_stream("the URL has a broken IPv6 address") from None


def _read_user_info(text: str) -> str:
    user, _, password = text.partition(":")
    credentials = unquote_to_bytes(user) + b":" + unquote_to_bytes(password)
    return "Basic " + base64.b64encode(credentials).decode("ascii")


def _read_target(text: str) -> str:
    """Quote what a request line cannot hold; leave the rest, for it may be signed."""
    quoted = quote(text, safe=_KEPT_CHARACTERS)
    return quoted if quoted.startswith("/") else "/" + quoted
