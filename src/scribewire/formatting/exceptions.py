"""What text2num does not know about each language that we write numbers in.

The library reads numbers well and context hardly at all. Words are never wrong, so where a
number word may be something else, these tables leave it a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class NotNumber:
    """Neighbours that make something else of a number word."""

    after: frozenset[str] = frozenset()
    """It is no number after one of these ..."""
    only_after: frozenset[str] = frozenset()
    """... nor, if any are named, after others than these ..."""
    unless_before: frozenset[str] = frozenset()
    """... except before one of these."""
    before: frozenset[str] = frozenset()
    """It is no number before one of these, where an empty word is the end of the phrase ..."""
    unless_after: frozenset[str] = frozenset()
    """... except after one of these."""

    def holds(self, previous: str, following: str) -> bool:
        """Whether the word between these two is no number."""
        if following in self.before and previous not in self.unless_after:
            return True
        if following in self.unless_before:
            return False
        return previous in self.after or bool(self.only_after and previous not in self.only_after)


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberExceptions:
    """Where one language is to be read differently. All words are in small letters."""

    scales: frozenset[str]
    """Kept as words, and whatever number stands before one gets digits: "2.5 million"."""
    not_numbers: Mapping[str, NotNumber] = field(default_factory=dict)
    """Number words that in some places are none."""
    never: frozenset[str] = frozenset()
    """Words that only the library takes for numbers: "hundreds of people"."""
    articles: frozenset[str] = frozenset()
    """Articles that are also the number one."""
    fraction_starts: frozenset[str] = frozenset()
    """After one of these, a single ordinal may be a fraction: "a third of them"."""
    absorbed_article: str | None = None
    """The article that goes into a number which begins with one of `absorbing`."""
    absorbing: frozenset[str] = frozenset()
    """Words of quantity that take an article: "a hundred people"."""
    has_paired_years: bool = False
    """Whether "nineteen ninety-four" is a year."""
    zero_in_years: frozenset[str] = frozenset()
    """What stands for the third digit in "nineteen oh five"."""
    decades: frozenset[str] = frozenset()
    """Words that make a century of the number before them: "the nineteen eighties"."""


def _words(line: str) -> frozenset[str]:
    return frozenset(line.split())


_TENS = _words("twenty thirty forty fifty sixty seventy eighty ninety")
_HUNDREDS = _words("hundred thousand")
_ENGLISH_SCALES = _words("million billion trillion percent")
_GERMAN_VERB = NotNumber(
    only_after=_words("der die das dem den des am im zum vom beim jeder jede jedes jeden")
)

ENGLISH = NumberExceptions(
    scales=_ENGLISH_SCALES,
    not_numbers={
        # a pronoun: "no one, two of them"
        "one": NotNumber(
            after=_words(
                "a an the no any some every each this that these those which what another other"
                " only last next first second third right wrong new old big little good bad"
            ),
            unless_before=_HUNDREDS | _ENGLISH_SCALES | {"point"},
            before=_words("of another"),
        ),
        # a unit of time: "a twenty second clip"; the model writes the ordinal with a hyphen
        "second": NotNumber(after=_TENS | _HUNDREDS, unless_before=frozenset({"of"})),
    },
    never=_words("hundreds thousands millions billions trillions"),
    fraction_starts=_words("a one"),
    absorbed_article="a",
    absorbing=_HUNDREDS,
    has_paired_years=True,
    zero_in_years=_words("oh o"),
    decades=frozenset(f"{tens[:-1]}ies" for tens in _TENS),
)

DUTCH = NumberExceptions(
    scales=_words("miljoen miljard biljoen procent"),
    articles=_words("een"),
    fraction_starts=_words("een één twee drie vier vijf zes zeven acht negen"),
    has_paired_years=True,
)

_FRENCH_NUMBERS = _words(
    "zéro un deux trois quatre cinq six sept huit neuf dix vingt trente quarante cinquante soixante"
    " quatre-vingt septante huitante octante nonante cent cents mille virgule et"
)

FRENCH = NumberExceptions(
    scales=_words("million millions milliard milliards billion billions"),
    not_numbers={
        "cent": NotNumber(after=_words("pour")),
        # "un livre neuf", a new book: the adjective comes after its noun
        "neuf": NotNumber(before=frozenset({""}), unless_after=_FRENCH_NUMBERS),
    },
    articles=_words("un une"),
    fraction_starts=_words("un"),
)

GERMAN = NumberExceptions(
    scales=_words("million millionen milliarde milliarden billion billionen prozent"),
    not_numbers={"achte": _GERMAN_VERB, "achten": _GERMAN_VERB},  # "Ich achte dich"
    articles=_words("ein"),
)

EXCEPTIONS: Mapping[str, NumberExceptions] = {
    "en": ENGLISH,
    "nl": DUTCH,
    "fr": FRENCH,
    "de": GERMAN,
}
