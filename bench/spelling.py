"""Texts made equal where they only differ in spelling: what word errors are counted on.

English has OpenAI's normalizer for it, which knows no other language. The others are written here
as simply as can be, and in the same way on both sides:

* letters: NFKC, casefold (`ss` for the sharp s), accents stay; the Dutch stressed `één` is `een`;
* hyphens, dashes and apostrophes part words; all other marks are left out, but for a point or a
  comma between two digits;
* numbers: groups of thousands are joined, `%` and `€` are written out, and text2num writes digits
  for every number word, articles that are numbers too: words and digits count alike. Ordinals lose
  their ending.

What is spelled in two ways beyond that (`zeeengte` for `zee-engte`) counts as wrong, on both sides.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Final

from text_to_num import alpha2digit
from whisper_normalizer.english import EnglishTextNormalizer


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spelling:
    """What is a language's own."""

    percent: str
    ordinal_endings: str
    """Behind digits, as a regular expression."""
    thousands: str = ".\u00a0\u202f"
    """What parts groups of three digits."""


_SPELLINGS: Final = {
    "de": _Spelling(percent="prozent", ordinal_endings=r"\.|te[nrsm]?"),
    "fr": _Spelling(
        percent="pour cent",
        ordinal_endings="er|ère|ere|re|e|è|ème|eme|ième|ieme|nd|nde",
        thousands=" .\u00a0\u202f",
    ),
    "nl": _Spelling(percent="procent", ordinal_endings="e|de|ste"),
}
_PARTING = re.compile(r"[-\u2010-\u2015'\u2018\u2019`\u00b4]")
_MARK = re.compile(r"(?<!\d)[.,]|[.,](?!\d)|[^\w\s.,]|_")


def normalise(text: str, language: str = "en") -> str:
    """Return the text as it is compared; a language without rules of its own is read as English."""
    spelling = _SPELLINGS.get(language)
    if spelling is None:
        return str(_english()(text)).strip()
    text = _join_thousands(text, spelling.thousands)  # before NFKC makes one space of all
    text = unicodedata.normalize("NFKC", text).casefold()
    text = re.sub(r"\b[eé]én\b", "een", text)
    text = text.replace("%", f" {spelling.percent} ").replace("€", " euro ")
    text = _MARK.sub(" ", _PARTING.sub(" ", text))
    text = alpha2digit(" ".join(text.split()), language, threshold=0)
    return " ".join(re.sub(rf"(?<=\d)(?:{spelling.ordinal_endings})(?!\w)", "", text).split())


def _join_thousands(text: str, marks: str) -> str:
    groups = rf"(?<![\d.,])\d{{1,3}}(?:[{marks}]\d{{3}})+(?!\d)"
    return re.sub(groups, lambda found: re.sub(r"\D", "", found[0]), text)


@cache
def _english() -> EnglishTextNormalizer:
    return EnglishTextNormalizer()
