"""The language of a track as its tag says it."""

from __future__ import annotations

from typing import Final

_MOST_CHARACTERS: Final = 40  # of a stranger's tag
# Tags should have the codes of two letters where there are such, and often have those of three.
_SHORT_CODES: Final = {
    "eng": "en",
    "nld": "nl",
    "dut": "nl",
    "fra": "fr",
    "fre": "fr",
    "deu": "de",
    "ger": "de",
    "spa": "es",
    "ita": "it",
    "por": "pt",
}


def main_language(tag: str) -> str:
    """Return the first part of a tag in small letters, of two where there is such a code."""
    code = tag.partition("-")[0].strip().lower()[:_MOST_CHARACTERS]
    return _SHORT_CODES.get(code, code)
