"""What text2num does not know about a language; `languages` has it for each that we write.

The library reads numbers well and context hardly at all. Words are never wrong, so where the words
around it say that a number word is something else, these tables leave it a word.
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
    idioms: tuple[tuple[frozenset[str], frozenset[str]], ...] = ()
    """It is no number between one of the first and one of the second of any of these pairs."""
    noun_after: frozenset[str] = frozenset()
    """It is no number two words after one of these, but for one of `unless_after` between."""

    def holds(self, one_more: str, previous: str, following: str) -> bool:
        """Whether the word between these is no number."""
        if any(previous in first and following in last for first, last in self.idioms):
            return True
        if one_more in self.noun_after and previous not in self.unless_after:
            return True
        if following in self.before and previous not in self.unless_after:
            return True
        if following in self.unless_before:
            return False
        return previous in self.after or bool(self.only_after and previous not in self.only_after)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedYears:
    """How a language says a year in two numbers: "nineteen ninety-four"."""

    recent: frozenset[str]
    """Centuries, in digits, that make a year where nothing says otherwise ..."""
    earlier: frozenset[str]
    """... and those that make one only where something says so."""
    after: frozenset[str]
    """A year follows these: "in", "born", a month ..."""
    articles: frozenset[str]
    """... these, where its century is recent: "the twenty twelve election" ..."""
    ranges: frozenset[str]
    """... these, after another year: "from eighteen forty to eighteen sixty" ..."""
    perhaps_after: frozenset[str]
    """... and these, where nothing speaks against it."""
    against: frozenset[str]
    """Up to three words after these comes no year but a price, a score, the number of a room ..."""
    against_directly: frozenset[str]
    """... and the word after these is none: "at nineteen thirty"."""
    units: frozenset[str]
    """Before these it is never a year: "in twenty thirty minutes"."""
    going_on: frozenset[str]
    """Nothing that is counted: only these may follow a year that no word before it speaks for."""
    months: frozenset[str]
    """Between one of these and a year, a number is the day."""
    zeros: frozenset[str] = frozenset()
    """What stands for the third digit in "nineteen oh five"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberExceptions:
    """Where one language is to be read differently. All words are in small letters."""

    scales: frozenset[str]
    """Kept as words, and whatever number stands before one gets digits: "2.5 million"."""
    multipliers: frozenset[str]
    """Words that multiply what stands before them, scales among them."""
    linking: frozenset[str]
    """What may stand inside a number: "a hundred and five"."""
    point: frozenset[str]
    """What stands before decimals."""
    decimal_mark: str = ","
    between: frozenset[str]
    """After these, or one word later, come two numbers: "between five hundred and two thousand"."""
    ranges: frozenset[str] = frozenset()
    """After these an article or a pronoun may be the one that a range begins with: "from one"."""
    spellings: tuple[tuple[str, str], ...] = ()
    """Parts of words that the library knows in another spelling only, and that one."""
    linked: frozenset[int] = frozenset()
    """What may follow a linking word in a number, if not anything: "vingt et un"."""
    is_unit_first: bool = False
    """Whether a linking word stands between units and tens: "ein und zwanzig"."""
    is_zero_joined: bool = False
    """Whether a zero and the number after it are one: telephone numbers in pairs, "06 12"."""
    is_first_zero_joined: bool = False
    """Whether that is so at the beginning of more than two numbers: "nul zes twaalf"."""
    spoken_zeros: frozenset[str] = frozenset()
    """What is zero between two digits: "three oh five"."""
    not_numbers: Mapping[str, NotNumber] = field(default_factory=dict)
    """Number words that in some places are none."""
    never: frozenset[str] = frozenset()
    """Words that only the library takes for numbers: "hundreds of people"."""
    articles: frozenset[str] = frozenset()
    """Articles that are also the number one."""
    fraction_starts: frozenset[str] = frozenset()
    """After one of these, a single ordinal may be a fraction: "a third of them"."""
    parts: frozenset[str] = frozenset()
    """What a number before it counts the parts with: "three quarters"."""
    pronouns: frozenset[str] = frozenset()
    """Pronouns that are also the number one."""
    links: frozenset[str] = frozenset()
    """Between two numbers, these make a number of a small one: "two or three", "two to three"."""
    units: frozenset[str] = frozenset()
    """Between two numbers, these make one a number as well: "one pound fifty"."""
    endings: tuple[tuple[str, str], ...] = ()
    """Endings of the library's ordinals, and what is written for them."""
    are_nouns_capital: bool = False
    """Whether a number with a capital is a noun: "ein Dritter"."""
    before_hours: frozenset[str] = frozenset()
    """After these a number is the hour in an idiom: "half past ten"."""
    after_minutes: frozenset[str] = frozenset()
    """Before these two words a number is the minutes of one: "vijf voor half drie"."""
    months: frozenset[str] = frozenset()
    """Before one of these a number is a day ..."""
    before_months: frozenset[str] = frozenset()
    """... if any are named, with one of these between: "the first of May" ..."""
    before_days: frozenset[str] = frozenset()
    """... and so it is at the end of a phrase after one of these: "January first"."""
    after_times: frozenset[str] = frozenset()
    """Before these, or two such words, two numbers are hours and minutes: "three thirty pm"."""
    absorbed_articles: frozenset[str] = frozenset()
    """Articles that go into a number which begins with one of `absorbing`."""
    absorbing: frozenset[str] = frozenset()
    """Words of quantity that take an article: "a hundred people"."""
    years: PairedYears | None = None
    """None where years are said as any number is."""
    decades: frozenset[str] = frozenset()
    """Words that make a century of the number before them: "the nineteen eighties"."""
