"""How a client's own values are shown back to it: short, printable, on one line.

Keys never come here: a message about a key names the field, not the value.
"""

from __future__ import annotations

import json

MAX_SHOWN_CHARACTERS = 40  # enough to recognise a value; error messages stay one line of text


def shorten(text: str) -> str:
    """Make a client's text fit for any message, log line or close reason.

    It is cut to `MAX_SHOWN_CHARACTERS`; what cannot be printed, such as a line break or a lone
    surrogate, becomes a question mark.
    """
    cut = text if len(text) <= MAX_SHOWN_CHARACTERS else text[: MAX_SHOWN_CHARACTERS - 1] + "…"
    return "".join(character if character.isprintable() else "?" for character in cut)


def describe(value: object) -> str:
    """Show one parsed JSON value, as JSON would write it where that is short."""
    match value:
        case str():
            return f'"{shorten(value)}"'
        case dict():
            return "an object"
        case list():
            return "a list"
        case _:
            return shorten(json.dumps(value))
