"""Write spoken numbers as digits: "twenty-one dollars" becomes "21 dollars".

Theory of operation. A word is split into the punctuation before it, its core and the punctuation
after it. text2num (English, Dutch, French, German) finds the cores that make up a number,
ordinals and decimals among them; digits then stand for those words, between the punctuation
before the first and that after the last. A single zero, one or two and a single first or second
stay words, since they more often are something else ("no one", "wait a second"). `exceptions`
holds what the library does not know. Both functions replace the same runs of words, so the text
of the words stays the words of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from text_to_num import find_numbers

from scribewire.events import Final, Partial
from scribewire.formatting.exceptions import EXCEPTIONS, NumberExceptions
from scribewire.types import Word

_ALONE_FROM = 3.0  # below, a number with no other beside it stays a word
_PARTS = re.compile(r"(\W*)(.*?)(\W*)", re.DOTALL)
_CENTURIES = frozenset({"17", "18", "19", "20"})  # earlier years are seldom spoken as a pair


def write_numbers(text: str, language: str) -> str:
    """Return `text` with its numbers in digits; as it is in a language that we cannot read."""
    words = text.split(" ")
    for number in reversed(_find(words, language)):
        words[number.first : number.end] = [number.text]
    return " ".join(words)


def write_numbers_in_words(words: tuple[Word, ...], language: str) -> tuple[Word, ...]:
    """Return `words` with those of each number merged into one.

    It lasts from the start of its first to the end of its last. Its confidence is their lowest:
    the parts of one number are right or wrong together more often than not, so that a product
    would doubt long numbers too much.
    """
    written = list(words)
    for number in reversed(_find([word.text for word in words], language)):
        parts = words[number.first : number.end]
        merged = Word(
            text=number.text,
            start_ms=parts[0].start_ms,
            end_ms=parts[-1].end_ms,
            confidence=min(word.confidence for word in parts),
        )
        written[number.first : number.end] = [merged]
    return tuple(written)


def write_numbers_in_event(event: Partial | Final, language: str) -> Partial | Final:
    """Return the event with its numbers in digits, in its words too."""
    text = write_numbers(event.text, language)
    if isinstance(event, Partial) or event.words is None:
        return replace(event, text=text)
    return replace(event, text=text, words=write_numbers_in_words(event.words, language))


@dataclass(frozen=True, slots=True)
class _Number:
    """A run of words and what to write for it."""

    first: int
    end: int  # after its last word
    text: str
    is_ordinal: bool = False
    is_small: bool = False  # written only beside another number or a scale


def _find(words: Sequence[str], language: str) -> list[_Number]:
    """Return the numbers to write, in order, none of them overlapping."""
    exceptions = EXCEPTIONS.get(language)
    if exceptions is None:
        return []
    sentence = _Sentence(words, exceptions)
    numbers = _leave_articles(sentence.read_numbers(language), sentence)
    numbers = _leave_fractions(numbers, sentence)
    numbers = _join_years(numbers, sentence)
    return [sentence.punctuate(_absorb_article(number, sentence)) for number in numbers]


# What the library sees.


@dataclass(frozen=True, slots=True)
class _Token:
    """A core, or the punctuation beside one, with the methods that text2num calls."""

    content: str
    word: int
    is_excepted: bool = False

    def text(self) -> str:
        return self.content

    def nt_separated(self, previous: _Token) -> bool:
        return False

    def not_a_number_part(self) -> bool:
        return self.is_excepted


@dataclass(frozen=True, slots=True)
class _Part:
    """A word taken apart."""

    before: str
    core: str
    after: str


class _Sentence:
    """Words, and what is known about their language."""

    def __init__(self, words: Sequence[str], exceptions: NumberExceptions) -> None:
        self.exceptions = exceptions
        self._parts = [_take_apart(word) for word in words]

    def core(self, at: int) -> str:
        """Return a word's core in small letters; nothing beyond either end."""
        return self._parts[at].core.lower() if 0 <= at < len(self._parts) else ""

    def is_joined(self, at: int) -> bool:
        """Whether this word follows the one before with nothing between them."""
        if not 0 < at < len(self._parts):
            return False
        previous, this = self._parts[at - 1], self._parts[at]
        return bool(previous.core and this.core) and not previous.after and not this.before

    def previous(self, at: int) -> str:
        """Return the core that a word is joined to; empty if it is to none."""
        return self.core(at - 1) if self.is_joined(at) else ""

    def following(self, at: int) -> str:
        """Return the core that is joined to a word; empty if none is."""
        return self.core(at + 1) if self.is_joined(at + 1) else ""

    def is_scaled(self, number: _Number) -> bool:
        """Whether a word such as "million" follows."""
        return self.following(number.end - 1) in self.exceptions.scales

    def read_numbers(self, language: str) -> list[_Number]:
        """Return what the library finds, the small ones only beside others or scaled."""
        tokens = list(self._tokens())
        beside = [(found.start, found.end) for found in find_numbers(tokens, language, _ALONE_FROM)]
        numbers = []
        for found in find_numbers(tokens, language, 0.0):
            first, end = tokens[found.start].word, tokens[found.end - 1].word + 1
            is_small = found.value < _ALONE_FROM and found.value.is_integer()
            number = _Number(first, end, found.text, found.is_ordinal, is_small)
            is_written = (found.start, found.end) in beside or self.is_scaled(number)
            if is_written and all(map(self.is_joined, range(first + 1, end))):
                numbers.append(number)
        return numbers

    def punctuate(self, number: _Number) -> _Number:
        """Put what stood around the words around the digits."""
        before, after = self._parts[number.first].before, self._parts[number.end - 1].after
        if number.text.endswith("."):  # a German ordinal: its dot also ends a sentence
            after = after.removeprefix(".")
        return replace(number, text=before + number.text + after)

    def _tokens(self) -> Iterator[_Token]:
        for at, part in enumerate(self._parts):
            if part.before:
                yield _Token(part.before, at)
            if part.core:
                yield _Token(part.core, at, self._is_excepted(at))
            if part.after:
                yield _Token(part.after, at)

    def _is_excepted(self, at: int) -> bool:
        core = self.core(at)
        if core in self.exceptions.scales or core in self.exceptions.never:
            return True
        rule = self.exceptions.not_numbers.get(core)
        return rule is not None and rule.holds(self.previous(at), self.following(at))


def _take_apart(word: str) -> _Part:
    # text2num takes no half of a surrogate pair
    match = _PARTS.fullmatch(word.encode("utf-8", "replace").decode())
    assert match is not None
    return _Part(match[1], match[2], match[3])


# What we know better, one thing a function.


def _leave_articles(numbers: list[_Number], sentence: _Sentence) -> list[_Number]:
    """Leave out a one that is an article, and a small number that it alone made one of two."""
    kept: list[_Number] = []
    for run in _runs(numbers, sentence):
        is_article = sentence.core(run[0].first) in sentence.exceptions.articles
        is_one = run[0].end - run[0].first == 1 and not sentence.is_scaled(run[0])
        if is_article and is_one and not run[2:]:  # three in a row are counted
            kept += [number for number in run[1:] if not number.is_small]
        else:
            kept += run
    return kept


def _leave_fractions(numbers: list[_Number], sentence: _Sentence) -> list[_Number]:
    """Leave out "third" in "a third of them", and both words of "five sixths"."""
    kept: list[_Number] = []
    for number in numbers:
        is_one_word = number.end - number.first == 1
        starts = sentence.exceptions.fraction_starts
        is_part = is_one_word and sentence.previous(number.first) in starts
        if not number.is_ordinal or not (is_part or number.text.endswith("s")):
            kept.append(number)
        elif kept and kept[-1].end == number.first and sentence.is_joined(number.first):
            kept.pop()
    return kept


def _join_years(numbers: list[_Number], sentence: _Sentence) -> list[_Number]:
    """Write "nineteen ninety-four" as one number; leave "the nineteen eighties" as words."""
    joined: list[_Number] = []
    for number in numbers:
        if joined and _is_year(joined[-1], number, sentence):
            century = joined.pop()
            year = f"{century.text}{number.text:0>2}"
            joined.append(_Number(century.first, number.end, year))
        else:
            joined.append(number)
    decades = sentence.exceptions.decades
    return [number for number in joined if sentence.following(number.end - 1) not in decades]


def _is_year(century: _Number, rest: _Number, sentence: _Sentence) -> bool:
    exceptions = sentence.exceptions
    if not exceptions.has_paired_years or century.text not in _CENTURIES or rest.is_ordinal:
        return False
    if not all(map(sentence.is_joined, range(century.end, rest.first + 1))):
        return False
    if sentence.core(century.end) in exceptions.zero_in_years:
        return rest.first == century.end + 1 and len(rest.text) == 1
    return rest.first == century.end and re.fullmatch("[1-9][0-9]", rest.text) is not None


def _absorb_article(number: _Number, sentence: _Sentence) -> _Number:
    """Let "a hundred" be 100, not "a 100"."""
    exceptions = sentence.exceptions
    is_absorbing = sentence.core(number.first) in exceptions.absorbing
    if is_absorbing and sentence.previous(number.first) == exceptions.absorbed_article:
        return replace(number, first=number.first - 1)
    return number


def _runs(numbers: list[_Number], sentence: _Sentence) -> list[list[_Number]]:
    """Group the numbers that follow each other without anything between."""
    runs: list[list[_Number]] = []
    for number in numbers:
        if runs and runs[-1][-1].end == number.first and sentence.is_joined(number.first):
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs
