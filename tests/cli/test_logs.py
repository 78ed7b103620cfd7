from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from structlog.contextvars import bound_contextvars

from scribewire.cli.logs import SecretFilter, configure_logs, hide_secrets
from scribewire.log_line import LogLine

HIDDEN = [
    # what a library might write, what may stand in the log
    (
        '127.0.0.1:5 - "GET /v2/realtime?token=s3cret&type=fast HTTP/1.1" 101',
        '127.0.0.1:5 - "GET /v2/realtime?[hidden] HTTP/1.1" 101',
    ),
    (
        "open ws://host/v2/client/s3cret?url=http://a/b",
        "open ws://host/v2/client/[hidden]?[hidden]",
    ),
    ("< x-api-key: s3cret", "< x-api-key: [hidden]"),
    ("< X-Zoom-S2T-Key: s3cret", "< X-Zoom-S2T-Key: [hidden]"),
    ("< Authorization: Bearer s3cret", "< Authorization: Bearer [hidden]"),
    ("(b'api-key', b's3cret')", "(b'api-key', b'[hidden]')"),
    ("{'authorization': 'Bearer s3cret'}", "{'authorization': 'Bearer [hidden]'}"),
    (
        '< TEXT \'{"action":"start","key":"s3cret"}\'',
        '< TEXT \'{"action":"start","key":"[hidden]"}\'',
    ),
    ("< Sec-WebSocket-Protocol: token, s3cret", "< Sec-WebSocket-Protocol: [hidden]"),
    ("(b'sec-websocket-protocol', b'token, s3cret')", "(b'sec-websocket-protocol', b'[hidden]')"),
    ("token=s3cret, type=fast", "token=[hidden], type=fast"),
]

SHOWN = [
    "= listening on ws://127.0.0.1:8000",
    "x closed 1008 missing token: expected a key of this server",
    "are you there? yes",
    "a key, then another",
    "authorization failed",
    "monkey: 3",
]


@pytest.mark.parametrize(("line", "expected"), HIDDEN)
def test_secrets_are_hidden(line: str, expected: str) -> None:
    assert hide_secrets(line) == expected


@pytest.mark.parametrize("line", SHOWN)
def test_other_lines_stay_as_they_are(line: str) -> None:
    assert hide_secrets(line) == line


def test_arguments_and_tracebacks_are_cleaned_too() -> None:
    error = ValueError("token=s3cret")
    record = logging.LogRecord(
        "lib", logging.ERROR, "", 0, "at %s", ("/x?key=s3cret",), (ValueError, error, None)
    )

    SecretFilter().filter(record)

    text = logging.Formatter().format(record)
    assert text.splitlines() == ["at /x?[hidden]", "ValueError: token=[hidden]"]


def test_nobody_can_forge_a_line() -> None:
    record = logging.LogRecord("lib", logging.INFO, "", 0, "refused %s", ("/a\r\n09:00 ok",), None)

    SecretFilter().filter(record)

    assert record.getMessage() == "refused /a\\r\\n09:00 ok"


@pytest.fixture
def restored_logs() -> Iterator[None]:
    root, own = logging.getLogger(), logging.getLogger("scribewire")
    before = (root.handlers[:], root.level, own.level)
    yield
    root.handlers[:], root.level, own.level = before


@pytest.mark.usefixtures("restored_logs")
def test_a_line_has_time_level_and_message_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info")

    logging.getLogger("scribewire.session").info("%s = open", "ab12")

    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} INFO ab12 = open\n", err)


@pytest.mark.usefixtures("restored_logs")
def test_libraries_are_heard_only_when_something_is_wrong(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("debug")

    logging.getLogger("websockets.server").debug("< TEXT 'what somebody says'")
    logging.getLogger("websockets.server").warning("odd")
    logging.getLogger("scribewire.session").debug("a detail")

    lines = [line.partition(" ")[2] for line in capsys.readouterr().err.splitlines()]
    assert lines == ["WARNING odd", "DEBUG a detail"]


OPENED = LogLine("opened", "= open {path} {count:d}", session="5e55", path="/a?token=x", count=2)


def log_everything() -> None:
    """Log a line of a session, one with a fault, and lines of a library, in a session and not."""
    logging.getLogger("scribewire.session").info(OPENED)
    error = ValueError("token=s3cret")
    line = LogLine("failed", "! {error}", error=error)
    logging.getLogger("scribewire.server").error(line, exc_info=error)
    with bound_contextvars(session="5e55"):
        logging.getLogger("websockets").warning("odd\n%s", "?key=s3cret")
    logging.getLogger("websockets").warning("odd")


@pytest.mark.usefixtures("restored_logs")
def test_as_text_a_line_is_a_sentence_behind_its_session(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("info")

    log_everything()

    lines = [line.partition(" ")[2] for line in capsys.readouterr().err.splitlines()]
    assert lines[0] == "INFO 5e55 = open /a?[hidden] 2"
    assert lines[1] == "ERROR ! token=[hidden]"
    assert lines[-2:] == ["WARNING 5e55 odd\\n?[hidden]", "WARNING odd"]


@pytest.mark.usefixtures("restored_logs")
def test_as_json_each_line_is_an_object_with_its_event_values_and_session(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("info", "json")

    log_everything()

    opened, failed, odd, other = map(json.loads, capsys.readouterr().err.splitlines())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", opened.pop("timestamp"))
    assert opened == {
        "level": "info",
        "logger": "scribewire.session",
        "event": "opened",
        "session": "5e55",
        "path": "/a?[hidden]",
        "count": 2,
        "text": "= open /a?[hidden] 2",
    }
    assert (failed["event"], failed["error"]) == ("failed", "token=[hidden]")
    assert failed["exception"].splitlines()[-1] == "ValueError: token=[hidden]"
    assert (odd["event"], odd["session"], odd["text"]) == ("websockets", "5e55", "odd\\n?[hidden]")
    assert "session" not in other


# What a process writes that is not ours, or that Python would print by itself.
WRITE_EVERYTHING = """
import asyncio, logging, threading, warnings
from scribewire.cli.logs import configure_logs, log_what_nobody_catches
from scribewire.log_line import LogLine

configure_logs("info", "json")
log_what_nobody_catches()
library = logging.getLogger("uvicorn.error")

def fail():
    raise LookupError("token=s3cret\\nand more")

class Odd:
    def __del__(self):
        fail()

async def fail_on_the_loop():
    asyncio.get_running_loop().call_soon(fail)
    await asyncio.sleep(0)

library.warning("two\\nlines")
library.warning("of %d", "another kind")
library.warning({"an": object()})
try:
    fail()
except LookupError:
    library.exception("failed", stack_info=True)
library.warning("line separator \\u2028")
logging.getLogger("scribewire.server").info(LogLine("told", "= {x}", x=float("nan")))
warnings.warn("a warning\\nof two lines")
thread = threading.Thread(target=fail)
thread.start()
thread.join()
Odd()
asyncio.run(fail_on_the_loop())
fail()
"""


@pytest.mark.slow
def test_as_json_nothing_is_written_but_objects_a_line_each() -> None:
    command = [sys.executable, "-c", WRITE_EVERYTHING]
    ended = subprocess.run(command, capture_output=True, check=False)

    written = ended.stderr.decode().strip("\n").split("\n")
    lines = [json.loads(line, parse_constant=pytest.fail) for line in written]
    assert [line["event"] for line in lines] == [
        *["uvicorn.error"] * 5,
        "told",
        "py.warnings",
        "thread_crashed",
        "exception_ignored",
        "asyncio",
        "crashed",
    ]
    assert all({"timestamp", "level", "logger", "text"} <= line.keys() for line in lines)
    assert [line["event"] for line in lines if "exception" in line] == [
        "uvicorn.error",
        "thread_crashed",
        "exception_ignored",
        "asyncio",
        "crashed",
    ]
    assert "another kind" not in lines[1]["text"]
    assert b"s3cret" not in ended.stderr
    assert (ended.returncode, ended.stdout) == (1, b"")
