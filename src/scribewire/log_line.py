"""One line of the log: a name and values for programs, a sentence for people."""

from __future__ import annotations


class LogLine:
    """What is given to a logger in place of a text; as a text, it is the sentence.

    `event` is the same every time, in small words with `_` between. `text` has the names of values
    in braces, as `str.format` takes them. The id of a session stands before it.
    """

    __slots__ = ("_text", "event", "session", "values")

    def __init__(
        self, event: str, text: str, /, *, session: str | None = None, **values: object
    ) -> None:
        self.event = event
        self.session = session
        self.values = values
        self._text = text

    @property
    def sentence(self) -> str:
        """What it says, without the session."""
        return self._text.format_map(self.values)

    def __str__(self) -> str:
        return self.sentence if self.session is None else f"{self.session} {self.sentence}"
