"""What a session asks for: one value, from whoever asks to whoever does it.

Dialects parse it from the wire and write it there, `connect` and the command line build it, the
rules of recognition are made of it. A new wish is one field here, a line in `WishFields`, a line
in the dialect, and the place that grants it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Final, TypedDict, cast

from scribewire.types import Mode, Pace

AUTO: Final = "auto"
"""In place of a language: which one is spoken is to be found out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """The wishes of one session. What is left out is what most sessions want."""

    mode: Mode = "fast"
    """The earliest finals, or the best."""
    language: str | None = None
    """ISO 639-1 code, two small letters; `AUTO` has it found out; None leaves it to whoever
    recognizes, or is `AUTO` where there are `languages`."""
    languages: tuple[str, ...] = ()
    """Codes of those that may be spoken, where that is found out; none: all that can be told."""
    endpointing_ms: int | None = None
    """Silence that ends an utterance; None leaves it to the mode."""
    partials: bool = True
    """Whether results are sent while an utterance goes on."""
    speakers: bool = True
    """Whether finals say who speaks."""
    digits: bool = False
    """Whether numbers are written as digits instead of words."""
    url: str | None = field(default=None, repr=False)
    """Where the server pulls the audio from; None: it is pushed. Not shown: it may hold
    credentials."""
    pace: Pace = "fast"
    """How quickly a finite source at `url` is read."""
    track: int | None = None
    """Which audio track at `url` is heard, from 1; None: one in the language, else the first."""

    @property
    def locked_language(self) -> str | None:
        """The code of the one language that is spoken; None where none has been named."""
        return None if self.language == AUTO else self.language

    @property
    def possible_languages(self) -> tuple[str, ...]:
        """The codes of all that may be spoken; none where that is left to whoever recognizes."""
        return self.languages if self.locked_language is None else (self.locked_language,)

    @classmethod
    def named(cls, fields: WishFields) -> Wishes:
        """Return the wishes of these keyword arguments; None is as usual, like one left out."""
        given = {name: value for name, value in fields.items() if value is not None}
        return cls(**cast("WishFields", given))

    def fields(self) -> WishFields:
        """Return them as keyword arguments, for whoever takes them one by one."""
        return cast("WishFields", asdict(self))  # these are its fields: tests/test_wishes.py


USUAL: Final = Wishes()
"""What a session asks for that says nothing."""


class WishFields(TypedDict, total=False):
    """The fields of `Wishes` as keyword arguments: `**wishes: Unpack[WishFields]`."""

    mode: Mode
    language: str | None
    languages: tuple[str, ...]
    endpointing_ms: int | None
    partials: bool
    speakers: bool
    digits: bool
    url: str | None
    pace: Pace
    track: int | None
