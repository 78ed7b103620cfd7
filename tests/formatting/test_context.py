import pytest

from scribewire.formatting.context import leave_words
from scribewire.formatting.languages import EXCEPTIONS
from scribewire.formatting.sentence import Number, Sentence

VALUES = {"one": "1", "two": "2", "five": "5", "ten": "10", "hundred": "100", "600": "600"}
VALUES |= {"20": "20", "twenty": "20", "0800": "0800", "6": "6"}
VALUES |= {"6hundred": "600", "6thousand": "6000", "5200": "5200", "second": "2nd", "third": "3rd"}
VALUES |= {"thirds": "3rds", "eins": "1", "zwei": "2", "drei": "3", "ein": "1", "dritte": "3."}
SMALL = {"1", "2", "2nd"}

# What stays in the list of numbers is in brackets.
CASES = [
    ("en", "[ten] people"),
    ("en", "two people"),
    ("en", "[ten] [two]"),
    ("en", "[two] or [ten]"),
    ("en", "[ten] to [two]"),
    ("en", "one or [ten]"),
    ("en", "[ten] and then two"),
    ("en", "two or one"),
    ("en", "second or [ten]"),
    ("en", "five or 6hundred"),
    ("en", "[ten] or [6hundred]"),
    ("en", "[five] or [hundred]"),
    ("en", "[five] or [5200]"),
    ("en", "five and 6thousand"),
    ("en", "five 6hundred"),
    ("en", "[two] [6hundred]"),
    ("en", "five- or 6hundred"),
    ("en", "[five], or [6hundred]"),
    ("en", "five- 6hundred, or [five]-"),
    ("en", "hundred 20"),
    ("en", "hundred and 20"),
    ("en", "20 five"),
    ("en", "[ten] [6]"),
    ("en", "[0800] [five]"),
    ("en", "[20] [five] [five]"),
    ("en", "[twenty] [five]"),
    ("en", "[five] and [20]"),
    ("de", "6 und twenty"),
    ("en", "[two] pounds [ten]"),
    ("en", "[one] pound [ten]"),
    ("en", "[ten] pounds two"),
    ("de", "[ein] Euro [zwei] [zwei]"),
    ("de", "ein Euro zwei"),
    ("de", "[20] Komma [ein]"),
    ("en", "half past ten"),
    ("en", "past [ten]"),
    ("en", "half past [hundred]"),
    ("en", "the [second] of may"),
    ("en", "the second of them"),
    ("en", "the second may"),
    ("en", "january [second]"),
    ("en", "january second to"),
    ("en", "may second"),
    ("en", "a third"),
    ("en", "two thirds"),
    ("en", "five quarters"),
    ("en", "two and five quarters"),
    ("en", "[ten] and five quarters"),
    ("de", "der [dritte]"),
    ("de", "der Dritte"),
    ("de", "ein [drei]"),
    ("de", "die Drei"),
    ("de", "Ja, [Drei]"),
    ("de", "[Drei] Leute"),
    ("de", "[ein], [zwei], [drei]"),
    ("de", "[ein], [zwei] und [drei]"),
    ("de", "ein, [drei]"),
    ("en", "from [one] to [ten]"),
    ("en", "one to [ten]"),
    ("en", "five, 6hundred"),
    ("en", "[five], [5200]"),
    ("de", "[ein] [zwei] [drei]"),
    ("de", "[drei] zu [eins]"),
    ("de", "[drei] zu ein"),
    ("de", "drei nach halb drei"),
    ("de", "[zwei] Mai"),
]


def numbers_of(words: list[str]) -> list[Number]:
    texts = [VALUES.get(word.strip(",-").lower()) for word in words]
    beside = [None, *texts, None]
    return [
        Number(
            at,
            at + 1,
            text,
            is_ordinal=not text.isdecimal(),
            is_small=text in SMALL,
            is_written=word.isdecimal(),
            is_alone=text in SMALL and not (beside[at] or beside[at + 2]),
        )
        for at, (word, text) in enumerate(zip(words, texts, strict=True))
        if text
    ]


@pytest.mark.parametrize(("language", "drawn"), CASES)
def test_which_numbers_are_written(language: str, drawn: str) -> None:
    words = drawn.replace("[", "").replace("]", "").split(" ")
    sentence = Sentence(words, language, EXCEPTIONS[language])

    written = {number.first for number in leave_words(numbers_of(words), sentence)}

    bare = [word.strip(",-") for word in words]
    marked = [
        w.replace(bare[at], f"[{bare[at]}]") if at in written else w for at, w in enumerate(words)
    ]
    assert " ".join(marked) == drawn


def test_an_article_goes_into_the_number_that_it_begins() -> None:
    sentence = Sentence(["a", "hundred"], "en", EXCEPTIONS["en"])

    assert leave_words([Number(1, 2, "100")], sentence) == [Number(0, 2, "100")]
