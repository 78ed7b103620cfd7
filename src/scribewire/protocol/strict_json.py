"""JSON as the wire wants it: compact, bounded, and no surprises of the `json` module.

`json` alone would accept NaN, let the last of two equal names win, raise three kinds of error,
and write lone surrogates that no WebSocket can carry. No message here quotes the text that was
read, because it may hold a key.
"""

from __future__ import annotations

import json
from typing import TypeAlias

MAX_MESSAGE_BYTES = 1024 * 1024  # 32 s of audio; a security limit, the largest seen are 64 KB

MAX_TEXT_CHARACTERS = 64 * 1024  # of a client: a `start` has 100; parsed in 4 ms at the worst

Fields: TypeAlias = dict[str, object]
"""One JSON object, its values unchecked."""


class MalformedJsonError(Exception):
    """The text is not JSON; says why, and never crosses a layer."""


def fits(message: str | bytes) -> bool:
    """Tell whether the message is within `MAX_MESSAGE_BYTES` on the wire."""
    if isinstance(message, str) and len(message) * 4 > MAX_MESSAGE_BYTES:  # 4: longest in UTF-8
        return len(message.encode("utf-8", "surrogatepass")) <= MAX_MESSAGE_BYTES
    return len(message) <= MAX_MESSAGE_BYTES


def dump_fields(fields: Fields) -> str:
    """Write an object without spaces: a public client looks for `"state":"stopped"` verbatim."""
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # A lone surrogate cannot be sent: WebSocket text is UTF-8.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def load_json(text: str) -> object:
    """Read any JSON value, or raise `MalformedJsonError`."""
    try:
        value: object = json.loads(
            text, parse_constant=_refuse_constant, object_pairs_hook=_unique_fields
        )
    except json.JSONDecodeError as error:
        raise MalformedJsonError(f"malformed JSON at character {error.pos}") from None
    except RecursionError:
        raise MalformedJsonError("malformed JSON: nested too deeply") from None
    except ValueError:  # an integer beyond `sys.get_int_max_str_digits`
        raise MalformedJsonError("malformed JSON: a number is too long") from None
    return value


def is_sendable(text: str) -> bool:
    """Tell whether the text holds no lone surrogate, which JSON escapes can smuggle in."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_constant(name: str) -> object:
    raise MalformedJsonError(f"malformed JSON: {name} is not a JSON value")


def _unique_fields(pairs: list[tuple[str, object]]) -> Fields:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise MalformedJsonError("malformed JSON: a field is given twice")
    return fields
