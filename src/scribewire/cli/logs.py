"""Where log lines go, and what may never stand in one.

Our own lines hold no key and no transcript. Libraries write what they like, so every line loses
its query strings and key-looking values here, and libraries are heard from `warning` up only:
below it they write whole messages, and so what people say.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Final

_HIDDEN: Final = "[hidden]"
_HEADERS: Final = r"(?:(?:x-)?api-key|x-zoom-s2t-key|authorization)"
_VALUE: Final = r"(?!\[hidden)[^\s\"'&,;)\]}]+"
_QUOTE: Final = r"(?:b(?=[\"']))?[\"']?"  # opens a value, as a text or as bytes

_SECRETS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        # A query string, wherever it stands.
        (r"\?[^\s\"'?]*=[^\s\"']*", f"?{_HIDDEN}"),
        # The key in the path of stream mode.
        (r"(/v2/client/)[^\s/?\"']+", rf"\1{_HIDDEN}"),
        # The headers that hold keys: `x-api-key: ...`, `(b'authorization', b'Bearer ...')`
        (
            rf"(\b{_HEADERS}[\"']?\s*[:=,]\s*{_QUOTE}(?:\w+\s+(?=\S))?){_VALUE}",
            rf"\1{_HIDDEN}",
        ),
        (rf"(\bbearer\s+){_VALUE}", rf"\1{_HIDDEN}"),
        # Subprotocols that are offered, a key among them.
        (
            rf"(\bsec-websocket-protocol[\"']?\s*[:=,]\s*{_QUOTE})(?!\[hidden)[^\"')\]}}\r\n]+",
            rf"\1{_HIDDEN}",
        ),
        # A parameter, and a field of JSON or of a dict.
        (rf"(\b(?:token|key|password)=){_QUOTE}{_VALUE}", rf"\1{_HIDDEN}"),
        (rf"([\"'](?:token|key|password)[\"']\s*:\s*{_QUOTE}){_VALUE}", rf"\1{_HIDDEN}"),
    )
)


class SecretFilter(logging.Filter):
    """Take secrets out of every record, and line breaks, so that no client can forge a line."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record's text in place; let every record pass."""
        record.msg = hide_secrets(record.getMessage()).replace("\r", "\\r").replace("\n", "\\n")
        record.args = ()
        if record.exc_info:
            record.exc_text = hide_secrets(logging.Formatter().formatException(record.exc_info))
        return True


def hide_secrets(text: str) -> str:
    """Return the text without query strings, tokens and keys."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def configure_logs(level: str) -> None:
    """Send our lines from `level` up, and those of libraries from `warning` up, to stderr."""
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(
        logging.Formatter("%(asctime)s.%(msecs)03d %(levelname)s %(message)s", "%H:%M:%S")
    )
    lines.addFilter(SecretFilter())
    own = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(handlers=[lines], level=max(own, logging.WARNING), force=True)
    logging.getLogger("scribewire").setLevel(own)
