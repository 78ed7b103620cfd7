from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribewire.events import Final, Partial
from scribewire.formatting.numbers import (
    write_numbers,
    write_numbers_in_event,
    write_numbers_in_words,
)
from scribewire.types import Word

CARDINALS = [
    ("en", "twenty one dollars", "21 dollars"),
    ("en", "EIGHTY EIGHT", "88"),
    ("en", "one hundred and five", "105"),
    ("en", "one hundred thousand and one", "100001"),
    ("en", "twelve hundred", "1200"),
    ("en", "a hundred people", "100 people"),
    ("en", "a thousand and one nights", "1001 nights"),
    ("en", "half past ten", "half past 10"),
    ("en", "three or four people", "3 or 4 people"),
    ("nl", "eenentwintig euro", "21 euro"),
    ("nl", "een en twintig", "21"),
    ("nl", "honderdvijf", "105"),
    ("nl", "tweeduizend vijf", "2005"),
    ("fr", "vingt et un euros", "21 euros"),
    ("fr", "soixante-dix-sept", "77"),
    ("fr", "septante", "70"),
    ("fr", "mille une nuits", "1001 nuits"),
    ("fr", "dix heures trente", "10 heures 30"),
    ("de", "einundzwanzig Euro", "21 Euro"),
    ("de", "ein und zwanzig", "21"),
    ("de", "einhundert fünf", "105"),
    ("de", "zwölf Uhr dreißig", "12 Uhr 30"),
]

SERIES = [
    ("en", "five five five one two", "5 5 5 1 2"),
    ("en", "one two three", "1 2 3"),
    ("en", "nine one one", "9 1 1"),
    ("nl", "nul zes een twee", "06 1 2"),
    ("nl", "een twee drie", "1 2 3"),
    ("fr", "zéro six douze trente-quatre", "06 12 34"),
    ("de", "eins zwei drei", "1 2 3"),
]

SCALES = [
    ("en", "one million", "1 million"),
    ("en", "two point five million", "2.5 million"),
    ("en", "two million three hundred thousand", "2 million 300000"),
    ("en", "three billion dollars", "3 billion dollars"),
    ("en", "one percent", "1 percent"),
    ("nl", "twee komma vijf miljoen", "2,5 miljoen"),
    ("nl", "een miljoen", "1 miljoen"),
    ("fr", "deux millions d'euros", "2 millions d'euros"),
    ("fr", "trois virgule cinq pour cent", "3,5 pour cent"),
    ("de", "zwei Komma fünf Millionen", "2,5 Millionen"),
    ("de", "ein Prozent", "1 Prozent"),
]

DECIMALS = [
    ("en", "three point five percent", "3.5 percent"),
    ("en", "zero point five", "0.5"),
    ("en", "two point zero", "2.0"),
    ("en", "one thousand two hundred thirty four point five six", "1234.56"),
    ("nl", "drie komma vijf procent", "3,5 procent"),
    ("fr", "trois virgule zéro cinq", "3,05"),
    ("de", "eins Komma fünf", "1,5"),
]

ORDINALS = [
    ("en", "the twenty-first of May", "the 21st of May"),
    ("en", "the twenty second of May", "the 22nd of May"),
    ("en", "the one hundred and first", "the 101st"),
    ("en", "fourth", "4th"),
    ("en", "first, second and third", "1st, 2nd and 3rd"),
    ("nl", "de eenentwintigste mei", "de 21e mei"),
    ("nl", "de derde man", "de 3e man"),
    ("fr", "vingt et unième siècle", "21ème siècle"),
    ("de", "der einundzwanzigste Mai", "der 21. Mai"),
    ("de", "am achten Mai", "am 8. Mai"),
    ("de", "Er war der zwölfte.", "Er war der 12."),
]

YEARS = [
    ("en", "It was nineteen ninety-four.", "It was 1994."),
    ("en", "in nineteen ninety four and two thousand five", "in 1994 and 2005"),
    ("en", "nineteen oh five", "1905"),
    ("en", "twenty twenty-one", "2021"),
    ("en", "June twenty fifth nineteen eighty", "June 25th 1980"),
    ("nl", "negentien vierennegentig", "1994"),
    ("nl", "negentienhonderdvierennegentig", "1994"),
    ("fr", "mille neuf cent quatre-vingt-quatorze", "1994"),
    ("de", "neunzehnhundertvierundneunzig", "1994"),
]

PUNCTUATION = [
    ("en", "Twenty-one dollars, please.", "21 dollars, please."),
    ("en", "twenty one,", "21,"),
    ("en", '"Twenty one!"', '"21!"'),
    ("en", "(a hundred)", "(100)"),
    ("en", "twenty-one; twenty-two", "21; 22"),
    ("en", "Is it twelve? One, two, three...", "Is it 12? 1, 2, 3..."),
    ("nl", "Eenentwintig, alstublieft.", "21, alstublieft."),
    ("fr", "Vingt-quatre heures.", "24 heures."),
    ("de", "Einundzwanzig, bitte.", "21, bitte."),
]

LEFT_ALONE = [
    ("en", "no one"),
    ("en", "No one, two of them."),
    ("en", "one of them"),
    ("en", "this one, one of them"),
    ("en", "One day, two nights"),
    ("en", "I won one."),
    ("en", "one or two"),
    ("en", "zero degrees"),
    ("en", "one-way street"),
    ("en", "a twenty-one-year-old"),
    ("en", "wait a second"),
    ("en", "second to none"),
    ("en", "First of all,"),
    ("en", "a third of them"),
    ("en", "two thirds"),
    ("en", "five sixths"),
    ("en", "two and a half million"),
    ("en", "a million"),
    ("en", "hundreds of people"),
    ("en", "millions of people"),
    ("en", "the nineteen eighties"),
    ("en", "twenty  one"),
    ("en", "5 million"),
    ("nl", "Een man zei iets."),
    ("nl", "een van hen"),
    ("nl", "de eerste keer"),
    ("nl", "wacht een seconde"),
    ("nl", "een twee"),
    ("nl", "twee derde"),
    ("nl", "honderden mensen"),
    ("fr", "un homme, une femme"),
    ("fr", "l'un d'eux"),
    ("fr", "un livre neuf"),
    ("fr", "la seconde"),
    ("fr", "deux cinquièmes"),
    ("fr", "pour cent personnes"),
    ("fr", "des centaines"),
    ("de", "einer von ihnen"),
    ("de", "ein Mann, eine Frau"),
    ("de", "das erste Mal"),
    ("de", "Ich achte dich."),
    ("de", "Achtung"),
    ("de", "zwei Drittel"),
    ("es", "veintiuno"),
    ("", "twenty one"),
]

# Not what a person would write, but nothing was lost: the price of reading words, not sentences.
KNOWN_LIMITS = [
    ("en", "a twenty second", "a 20 second"),
    ("en", "ten thirty", "10 30"),
    ("en", "the one two three", "the one 2 3"),
    ("nl", "Ik geef acht", "Ik geef 8"),
    ("de", "tausend Dank", "1000 Dank"),
    ("fr", "J'en ai neuf.", "J'en ai neuf."),
]

WRITTEN = [
    *CARDINALS,
    *SERIES,
    *SCALES,
    *DECIMALS,
    *ORDINALS,
    *YEARS,
    *PUNCTUATION,
    *((language, text, text) for language, text in LEFT_ALONE),
    *KNOWN_LIMITS,
]

NUMBER_WORDS = [
    word
    for line in (
        "one two three nine nineteen twenty ninety-four hundred thousand million point and oh zero",
        "first second third thirds a of een twee derde honderd komma un deux cent pour virgule",
        "neuf ein drei achte Komma Millionen, dollars. (five) -",
    )
    for word in line.split()
]
LANGUAGES = st.sampled_from(["en", "nl", "fr", "de", "es", ""])
TEXTS = st.text() | st.lists(st.sampled_from(NUMBER_WORDS)).map(" ".join)


def spoken(text: str) -> tuple[Word, ...]:
    """One word each 100 ms, half of it silence, each less certain than the one before."""
    return tuple(
        Word(text=word, start_ms=100 * at, end_ms=100 * at + 50, confidence=1 / (1 + at))
        for at, word in enumerate(text.split(" "))
    )


@pytest.mark.parametrize(("language", "heard", "written"), WRITTEN)
def test_what_is_written_for_what_was_heard(language: str, heard: str, written: str) -> None:
    assert write_numbers(heard, language) == written


@pytest.mark.parametrize(("language", "heard", "written"), WRITTEN)
def test_the_words_are_written_as_the_text_is(language: str, heard: str, written: str) -> None:
    words = write_numbers_in_words(spoken(heard), language)

    assert " ".join(word.text for word in words) == written


def test_a_merged_word_lasts_from_its_first_to_its_last_and_is_as_sure_as_its_weakest() -> None:
    words = (
        Word(text="About", start_ms=0, end_ms=300, confidence=0.9),
        Word(text="Twenty", start_ms=350, end_ms=600, confidence=0.7),
        Word(text="one,", start_ms=650, end_ms=900, confidence=0.8),
        Word(text="yes.", start_ms=1000, end_ms=1200, confidence=0.6),
    )

    assert write_numbers_in_words(words, "en") == (
        words[0],
        Word(text="21,", start_ms=350, end_ms=900, confidence=0.7),
        words[3],
    )


def test_no_words_are_no_words() -> None:
    assert write_numbers_in_words((), "en") == ()
    assert write_numbers("", "en") == ""


@given(text=TEXTS, language=LANGUAGES)
def test_text_and_words_agree_on_any_text(text: str, language: str) -> None:
    words = write_numbers_in_words(spoken(text), language)

    assert " ".join(word.text for word in words) == write_numbers(text, language)


@given(text=TEXTS, language=LANGUAGES)
def test_words_stay_in_order_inside_what_was_heard(text: str, language: str) -> None:
    heard = spoken(text)
    words = write_numbers_in_words(heard, language)

    times = [time for word in words for time in (word.start_ms, word.end_ms)]
    assert times == sorted(times)
    assert (times[0], times[-1]) == (heard[0].start_ms, heard[-1].end_ms)


@given(text=TEXTS)
def test_an_unknown_language_changes_nothing(text: str) -> None:
    assert write_numbers(text, "xx") == text


def test_half_a_surrogate_pair_is_no_fault() -> None:
    assert write_numbers("\ud800 twenty one", "en") == "\ud800 21"


SPOKEN = "It cost twenty one dollars."


def test_digits_are_written_in_the_text_and_in_the_words() -> None:
    final = Final(
        utterance=0,
        decided_sample=0,
        text=SPOKEN,
        start_sample=0,
        end_sample=0,
        words=spoken(SPOKEN),
    )

    result = write_numbers_in_event(final, "en")

    assert isinstance(result, Final)
    assert result.text == "It cost 21 dollars."
    assert result.words is not None
    assert " ".join(word.text for word in result.words) == result.text


def test_digits_are_written_in_partials_and_in_finals_without_words() -> None:
    partial = Partial(
        utterance=0, text="It cost twenty one", start_sample=0, end_sample=0, stability=0.5
    )
    final = Final(utterance=0, decided_sample=0, text=SPOKEN, start_sample=0, end_sample=0)

    in_digits = [write_numbers_in_event(event, "en") for event in (partial, final)]

    assert in_digits == [
        replace(partial, text="It cost 21"),
        replace(final, text="It cost 21 dollars."),
    ]
