"""Where log lines go, and what may never stand in one.

Our own lines hold no key and no transcript. Libraries write what they like, so every line loses
its query strings and key-looking values here, and libraries are heard from `warning` up only:
below it they write whole messages, and so what people say.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from math import isfinite
from types import TracebackType
from typing import Final

import structlog

from scribewire.log_line import LogLine
from scribewire.settings import LogFormat

_UNCAUGHT: Final = "! an exception that nobody has caught: {error}"
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

_log = logging.getLogger("scribewire.server")


class SecretFilter(logging.Filter):
    """Take secrets out of every record, and line breaks, so that no client can forge a line.

    A line that is written while a session is served, by whomever, gets the session's id. What
    programs read of it is kept in `record.facts`.
    """

    def __init__(self, process: int | None = None) -> None:
        super().__init__()
        self._of = {} if process is None else {"process": process}

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record in place; let every record pass."""
        line, session = record.msg, structlog.contextvars.get_contextvars().get("session")
        if isinstance(line, LogLine):
            session = line.session or session
            facts = {name: _clean_value(value) for name, value in line.values.items()}
            sentence, facts = _clean(line.sentence), {"event": line.event, **facts}
        else:
            sentence, facts = _clean(_message_of(record)), {"event": record.name}
        if session is not None:
            facts["session"] = session
        vars(record)["facts"] = {**facts, **self._of, "text": sentence}
        record.msg, record.args = sentence if session is None else f"{session} {sentence}", ()
        if record.exc_info:
            record.exc_text = hide_secrets(logging.Formatter().formatException(record.exc_info))
        return True


def hide_secrets(text: str) -> str:
    """Return the text without query strings, tokens and keys."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def configure_logs(
    level: str, log_format: LogFormat = "text", *, process: int | None = None
) -> None:
    """Send our lines from `level` up, and those of libraries from `warning` up, to stderr.

    Each line tells which `process` has written it, where there are several.
    """
    lines = logging.StreamHandler(sys.stderr)
    is_json = log_format == "json"
    lines.setFormatter(_json_formatter() if is_json else _text_formatter(process))
    lines.addFilter(SecretFilter(process))
    own = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(handlers=[lines], level=max(own, logging.WARNING), force=True)
    logging.getLogger("scribewire").setLevel(own)


def log_what_nobody_catches() -> None:
    """Let warnings and exceptions that Python would print itself be lines like all others."""
    logging.captureWarnings(True)  # noqa: FBT003 - its name in the library
    sys.excepthook = _note_uncaught
    threading.excepthook = _note_uncaught_in_thread
    sys.unraisablehook = _note_ignored


def _note_uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    if isinstance(error, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
    else:
        _log.critical(LogLine("crashed", _UNCAUGHT, error=error), exc_info=error)


def _note_uncaught_in_thread(uncaught: threading.ExceptHookArgs) -> None:
    if uncaught.exc_type is not SystemExit:
        line = LogLine("thread_crashed", _UNCAUGHT, error=uncaught.exc_value)
        _log.error(line, exc_info=uncaught.exc_value)


def _note_ignored(ignored: sys.UnraisableHookArgs) -> None:
    line = LogLine("exception_ignored", _UNCAUGHT, error=ignored.exc_value)
    _log.error(line, exc_info=ignored.exc_value)


def _text_formatter(process: int | None) -> logging.Formatter:
    who = "" if process is None else f"[{process}] "
    return logging.Formatter(f"%(asctime)s.%(msecs)03d %(levelname)s {who}%(message)s", "%H:%M:%S")


def _json_formatter() -> logging.Formatter:
    processors = structlog.processors
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            _take_facts,
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            processors.JSONRenderer(ensure_ascii=False),
        ],
    )


def _take_facts(
    _logger: object, _method: str, fields: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Replace the sentence by what `SecretFilter` has kept; nothing of it is read again."""
    record = fields["_record"]
    fields.pop("exc_info", None)
    fields.update(vars(record)["facts"])
    if record.exc_text:
        fields["exception"] = record.exc_text
    return fields


def _message_of(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - whatever the library's own objects raise
        # The library must not fail for it, and the line must not be lost.
        return f"a line that cannot be written: {type(error).__name__}: {error}"


def _clean_value(value: object) -> object:
    if isinstance(value, float) and not isfinite(value):  # JSON has no word for it
        return str(value)
    return value if isinstance(value, int | float) or value is None else _clean(str(value))


def _clean(text: str) -> str:
    return hide_secrets(text).replace("\r", "\\r").replace("\n", "\\n")
