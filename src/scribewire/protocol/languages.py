"""What is spoken: what was asked for, made out of what there is a model for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from scribewire.errors import ClientFault
from scribewire.protocol.quoting import shorten
from scribewire.wishes import AUTO, Wishes


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageOffer:
    """The languages that can be asked for, by their ISO 639-1 codes."""

    languages: frozenset[str]
    """Those that have a model."""
    default: str
    """For who names none; one of `languages`."""
    auto: frozenset[str]
    """Those of `languages` that can be told from each other; may be none."""
    place: str
    """Where that is, for people: `on this server`."""

    def settle(self, wishes: Wishes) -> Wishes:
        """Return the wishes as they are granted, or raise `ClientFault`.

        Either one language is locked, or it is found out which of several is spoken, all of them
        named. To find out among one is to lock it.
        """
        if wishes.locked_language is not None and wishes.languages:
            together = f"language {wishes.language} with languages {_list(wishes.languages)}"
            remedy = "say `language=auto` to have one of several found out"
            raise ClientFault(f"{together}: expected one or the other; {remedy}")
        if wishes.language is None and not wishes.languages:
            return self._lock(wishes, self.default)
        if wishes.locked_language is not None:
            return self._lock(wishes, wishes.locked_language)
        if len(wishes.languages) == 1:
            return self._lock(wishes, wishes.languages[0])
        return self._find_out(wishes)

    def _lock(self, wishes: Wishes, language: str) -> Wishes:
        if language in self.languages:
            return replace(wishes, language=language, languages=())
        raise ClientFault(f"language {language}: no model {self.place}; {self._available()}")

    def _find_out(self, wishes: Wishes) -> Wishes:
        unknown = [one for one in wishes.languages if one not in self.languages]
        if unknown:
            named = _list(unknown)
            raise ClientFault(f"languages {named}: no model {self.place}; {self._available()}")
        if not self.auto:
            asked = f"languages {_list(wishes.languages)}" if wishes.languages else "language auto"
            missing = f"no model {self.place} finds out which one is spoken"
            raise ClientFault(f"{asked}: {missing}; name one in `language`; {self._available()}")
        alike = [one for one in wishes.languages if one not in self.auto]
        if alike:
            missing = f"no model {self.place} tells them from others"
            told = ", ".join(sorted(self.auto))
            raise ClientFault(f"languages {_list(alike)}: {missing}; expected some of: {told}")
        among = tuple(sorted(wishes.languages or self.auto))  # a set: its order decides nothing
        return replace(wishes, language=AUTO, languages=among)

    def _available(self) -> str:
        return "available: " + ", ".join(sorted(self.languages))


def _list(codes: Iterable[str]) -> str:
    return shorten(", ".join(codes))
