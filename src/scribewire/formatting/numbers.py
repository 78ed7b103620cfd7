"""Write spoken numbers as digits: "twenty-one dollars" becomes "21 dollars".

Theory of operation. A word is split into the punctuation before it, its core and the punctuation
after it (`sentence`). text2num (English, Dutch, French, German) finds the cores that make up a
number, ordinals and decimals among them, once it is told where one number ends and the next
begins (`groups`); digits then stand for those words, between the punctuation before the first
and that after the last. Two numbers may be a year (`years`). docs/numbers.md says what is
joined. A single zero, one or two and a single first or second
stay words, since they more often are something else ("no one", "wait a second"). `exceptions`
holds what the library does not know. Both functions replace the same runs of words, so the text
of the words stays the words of the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from text_to_num import find_numbers

from scribewire.events import Final, Partial
from scribewire.formatting.groups import joined_scales, starts_of_numbers
from scribewire.formatting.languages import EXCEPTIONS
from scribewire.formatting.sentence import Number, Sentence
from scribewire.formatting.years import join_years
from scribewire.types import Word

_ALONE_FROM = 3.0  # below, a number with no other beside it stays a word


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


def _find(words: Sequence[str], language: str) -> list[Number]:
    """Return the numbers to write, in order, none of them overlapping."""
    exceptions = EXCEPTIONS.get(language)
    if exceptions is None:
        return []
    sentence = Sentence(words, language, exceptions)
    numbers = _leave_articles(_read_numbers(sentence), sentence)
    numbers = _leave_fractions(numbers, sentence)
    numbers = join_years(numbers, sentence)
    return [_punctuate(_absorb_article(number, sentence), sentence) for number in numbers]


# What the library sees.


@dataclass(frozen=True, slots=True)
class _Token:
    """A core, or the punctuation beside one, with the methods that text2num calls."""

    content: str
    word: int
    is_excepted: bool = False
    starts_number: bool = False

    def text(self) -> str:
        return self.content

    def nt_separated(self, previous: _Token) -> bool:
        return self.starts_number

    def not_a_number_part(self) -> bool:
        return self.is_excepted


def _read_numbers(sentence: Sentence) -> list[Number]:
    """Return what the library finds, the small ones only beside others or scaled."""
    tokens = list(_tokens(sentence))
    language = sentence.language
    beside = [(found.start, found.end) for found in find_numbers(tokens, language, _ALONE_FROM)]
    numbers = []
    for found in find_numbers(tokens, language, 0.0):
        first, end = tokens[found.start].word, tokens[found.end - 1].word + 1
        is_small = found.value < _ALONE_FROM and found.value.is_integer()
        number = Number(first, end, found.text, found.is_ordinal, is_small)
        is_written = (found.start, found.end) in beside or _is_scaled(number, sentence)
        if is_written and all(map(sentence.is_joined, range(first + 1, end))):
            numbers.append(number)
    return numbers


def _tokens(sentence: Sentence) -> Iterator[_Token]:
    starts = starts_of_numbers(sentence)
    joined = joined_scales(sentence, starts)
    for at, part in enumerate(sentence.parts):
        if part.before:
            yield _Token(part.before, at)
        if part.core:
            is_word = sentence.core(at) in sentence.exceptions.scales and at not in joined
            is_excepted = is_word or sentence.is_excepted(at)
            yield _Token(sentence.spelled(at), at, is_excepted, at in starts)
        if part.after:
            yield _Token(part.after, at)


def _is_scaled(number: Number, sentence: Sentence) -> bool:
    """Whether a word such as "million" follows."""
    return sentence.following(number.end - 1) in sentence.exceptions.scales


def _punctuate(number: Number, sentence: Sentence) -> Number:
    """Put what stood around the words around the digits."""
    before, after = sentence.parts[number.first].before, sentence.parts[number.end - 1].after
    if number.text.endswith("."):  # a German ordinal: its dot also ends a sentence
        after = after.removeprefix(".")
    return replace(number, text=before + number.text + after)


# What we know better, one thing a function.


def _leave_articles(numbers: list[Number], sentence: Sentence) -> list[Number]:
    """Leave out a one that is an article, and a small number that it alone made one of two."""
    kept: list[Number] = []
    for run in _runs(numbers, sentence):
        is_article = sentence.core(run[0].first) in sentence.exceptions.articles
        is_one = run[0].end - run[0].first == 1 and not _is_scaled(run[0], sentence)
        if is_article and is_one and not run[2:]:  # three in a row are counted
            kept += [number for number in run[1:] if not number.is_small]
        else:
            kept += run
    return kept


def _leave_fractions(numbers: list[Number], sentence: Sentence) -> list[Number]:
    """Leave out "third" in "a third of them", and both words of "five sixths"."""
    kept: list[Number] = []
    for number in numbers:
        is_one_word = number.end - number.first == 1
        starts = sentence.exceptions.fraction_starts
        is_part = is_one_word and sentence.previous(number.first) in starts
        if not number.is_ordinal or not (is_part or number.text.endswith("s")):
            kept.append(number)
        elif kept and kept[-1].end == number.first and sentence.is_joined(number.first):
            kept.pop()
    return kept


def _absorb_article(number: Number, sentence: Sentence) -> Number:
    """Let "a hundred" be 100, not "a 100"."""
    exceptions = sentence.exceptions
    is_absorbing = sentence.core(number.first) in exceptions.absorbing
    if is_absorbing and sentence.previous(number.first) in exceptions.absorbed_articles:
        return replace(number, first=number.first - 1)
    return number


def _runs(numbers: list[Number], sentence: Sentence) -> list[list[Number]]:
    """Group the numbers that follow each other without anything between."""
    runs: list[list[Number]] = []
    for number in numbers:
        if runs and runs[-1][-1].end == number.first and sentence.is_joined(number.first):
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs
