"""Write spoken numbers as digits: "twenty-one dollars" becomes "21 dollars".

Theory of operation. A word is split into the punctuation before it, its core and the punctuation
after it (`sentence`). text2num (English, Dutch, French, German) finds the cores that make up a
number, ordinals and decimals among them, once it is told where one number ends and the next
begins (`groups`); digits then stand for those words, between the punctuation before the first
and that after the last. Words around it may say that it is none (`context`), and two numbers may be
a year (`years`). docs/numbers.md says what is joined. `languages` holds what the library does not
know. Digits that a model wrote are numbers to the rules, and stay as they are.

Both functions replace the same runs of words, so the text of the words stays the words of the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from text_to_num import find_numbers

from scribewire.events import Final, Partial
from scribewire.formatting.context import leave_words
from scribewire.formatting.groups import joined_scales, starts_of_numbers
from scribewire.formatting.joining import join_decimals, join_times
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
    numbers = join_decimals(leave_words(_read_numbers(sentence), sentence), sentence)
    numbers = join_times(join_years(numbers, sentence), sentence)
    return [_punctuate(number, sentence) for number in numbers if not number.is_written]


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
    """Return what the library finds and what is in digits already, in order."""
    tokens = list(_tokens(sentence))
    language, scales = sentence.language, sentence.exceptions.scales
    beside = [(found.start, found.end) for found in find_numbers(tokens, language, _ALONE_FROM)]
    numbers = [
        Number(at, at + 1, sentence.core(at), is_written=True)
        for at in range(len(sentence.parts))
        if sentence.is_written(at)
    ]
    for found in find_numbers(tokens, language, 0.0):
        first, end = tokens[found.start].word, tokens[found.end - 1].word + 1
        is_scaled = sentence.following(end - 1) in scales
        number = Number(
            first,
            end,
            _ending(found.text, sentence),
            is_ordinal=found.is_ordinal,
            is_small=found.value < _ALONE_FROM and found.value.is_integer(),
            is_alone=(found.start, found.end) not in beside and not is_scaled,
            is_shown=is_scaled,
        )
        if all(map(sentence.is_joined, range(first + 1, end))):
            numbers.append(number)
    return sorted(numbers, key=lambda number: number.first)


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


def _ending(text: str, sentence: Sentence) -> str:
    """Return an ordinal with its ending as the language writes it: "20e", not "20ème"."""
    for ending, better in sentence.exceptions.endings:
        if text.endswith(ending):
            return text.removesuffix(ending) + better
    return text


def _punctuate(number: Number, sentence: Sentence) -> Number:
    """Put what stood around the words around the digits."""
    before, after = sentence.parts[number.first].before, sentence.parts[number.end - 1].after
    if number.text.endswith("."):  # a German ordinal: its dot also ends a sentence
        after = after.removeprefix(".")
    return replace(number, text=before + number.text + after)
