"""The captions page: its files and those of the browser SDK, at `/`, `/page/` and `/sdk/`.

They are read once, into a table with an entry for each. What is asked for is looked up there and
becomes no path of a file, so nothing else can be had. Their links are relative, so that a proxy may
serve all of it below a path of its own.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as PathRoute

from scribewire.errors import ServerFault
from scribewire.server.rest.served_path import answer_fault, not_allowed

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

_PACKAGE: Final = Path(__file__).parents[1]
_CHECKOUT: Final = Path(__file__).parents[3]
_ENTRANCE: Final = "index.html"
_NO_PAGE: Final = (
    "the captions page is missing: no file {path}; install again, or start with --no-page"
)

_MEDIA_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
"""What is served; other files beside it are not."""

_PACKED_ALREADY: Final = frozenset({".png", ".woff2"})

# `'self'` means WebSockets of the same host too, in Chromium from 71, Firefox, and Safari from 16.
_CONTENT: Final = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "worker-src 'self'",
    "media-src 'self' blob:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
)

_GRANTED: Final = (
    "microphone",
    "display-capture",  # the sound of a tab
    "autoplay",  # of what was recorded
    "clipboard-write",
    "fullscreen",
)
_DENIED: Final = (  # those that Chromium 156 knows; it complains about others
    *("accelerometer", "browsing-topics", "camera", "captured-surface-control"),
    *("clipboard-read", "compute-pressure", "cross-origin-isolated", "digital-credentials-get"),
    *("encrypted-media", "gamepad", "geolocation", "gyroscope", "hid", "identity-credentials-get"),
    *("idle-detection", "keyboard-map", "language-detector", "local-fonts", "magnetometer"),
    *("midi", "on-device-speech-recognition", "otp-credentials", "payment", "picture-in-picture"),
    *(
        "publickey-credentials-create",
        "publickey-credentials-get",
        "screen-wake-lock",
        "serial",
        "storage-access",
    ),
    *("summarizer", "sync-xhr", "translator", "usb", "window-management", "xr-spatial-tracking"),
)

SAFETY: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "; ".join(_CONTENT),
    "Permissions-Policy": ", ".join(
        [*(f"{name}=(self)" for name in _GRANTED), *(f"{name}=()" for name in _DENIED)]
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""What every answer tells a browser: what the page may do, and that nobody else may use it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFile:
    """One file of the page."""

    path: str
    """Where it is asked for, from the root."""
    media_type: str
    body: bytes
    packed: bytes | None
    """The same by gzip, where that is shorter."""
    digest: str
    """Changes with the body."""


@cache  # it is the same for every server of a process
def installed_page() -> tuple[PageFile, ...]:
    """Return every file of the page that came along. Raises ServerFault where there is none."""
    return read_page(_folder("web", "web"), _folder("sdk", "sdk/browser/src"))


def read_page(page: Path, sdk: Path) -> tuple[PageFile, ...]:
    """Return every file of a page and of an SDK. Raises ServerFault where there is no page."""
    if not (page / _ENTRANCE).is_file():
        raise ServerFault(_NO_PAGE.format(path=page / _ENTRANCE))
    return (*_read_folder(page, "/page/"), *_read_folder(sdk, "/sdk/"))


def page_routes(files: Iterable[PageFile]) -> list[PathRoute]:
    """Return what answers at the path of each file."""
    return [PathRoute(file.path, ServedFile(file)) for file in files]


class ServedFile:
    """Answer every request for one file, as an ASGI application."""

    def __init__(self, file: PageFile) -> None:
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        response = self._answer(Request(scope, receive))
        response.headers.update(SAFETY)
        await response(scope, receive, send)

    def _answer(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            return answer_fault(not_allowed("GET, HEAD"))
        file, body = self._file, self._file.body
        etag = f'"{file.digest}"'
        headers = {"Cache-Control": "no-cache"}  # kept, and asked about each time
        if file.packed is not None:
            headers["Vary"] = "Accept-Encoding"
            if _takes_gzip(", ".join(request.headers.getlist("accept-encoding"))):
                body, etag = file.packed, f'"{file.digest}-gzip"'
                headers["Content-Encoding"] = "gzip"
        headers["ETag"] = etag
        if _names(", ".join(request.headers.getlist("if-none-match")), etag):
            headers.pop("Content-Encoding", None)  # there is no content
            return Response(status_code=304, headers=headers)
        # With `media_type` Starlette would say the charset once more.
        return Response(body, headers={"Content-Type": file.media_type, **headers})


def _folder(packaged: str, in_checkout: str) -> Path:
    """Return where files lie: in the package that was installed, or in the checkout of it."""
    folder = _PACKAGE / packaged
    return folder if folder.is_dir() else _CHECKOUT / in_checkout


def _read_folder(folder: Path, below: str) -> Iterator[PageFile]:
    for path in sorted(folder.rglob("*")):
        if path.suffix in _MEDIA_TYPES and path.is_file():
            asked_at = below + path.relative_to(folder).as_posix()
            yield _read_file(path, "/" if asked_at == f"/page/{_ENTRANCE}" else asked_at)


def _read_file(path: Path, asked_at: str) -> PageFile:
    body = path.read_bytes()
    packed = None if path.suffix in _PACKED_ALREADY else gzip.compress(body, mtime=0)
    return PageFile(
        path=asked_at,
        media_type=_MEDIA_TYPES[path.suffix],
        body=body,
        packed=packed if packed is not None and len(packed) < len(body) else None,
        digest=hashlib.sha256(body).hexdigest()[:32],
    )


def _takes_gzip(accepted: str) -> bool:
    """Tell whether a client takes gzip, by what it says that it accepts."""
    weights = {}
    for one in accepted.lower().split(","):
        coding, _, weight = one.partition(";")
        weights[coding.strip()] = weight.replace(" ", "")
    weight = weights.get("gzip", weights.get("*", "q=0"))
    return re.fullmatch(r"q=0(\.0*)?", weight) is None


def _names(condition: str, etag: str) -> bool:
    """Tell whether a client says that it has this already; proxies may have marked it as weak."""
    named = [one.strip().removeprefix("W/") for one in condition.split(",")]
    return etag in named or "*" in named
