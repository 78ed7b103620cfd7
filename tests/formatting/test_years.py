import pytest

from scribewire.formatting.languages import EXCEPTIONS
from scribewire.formatting.sentence import Number, Sentence
from scribewire.formatting.years import join_years

CASES = [
    ("nineteen eighty", "1980"),
    ("seventeen fifty", "17 50"),
    ("in seventeen fifty", "1750"),
    ("in twelve fifty", "12 50"),
    ("costs nineteen eighty", "19 80"),
    ("price of nineteen eighty", "19 80"),
    ("nineteen eighty dollars", "19 80"),
    ("eighteen nineteen twenty", "18 19 20"),
    ("may five nineteen eighty", "5 1980"),
    ("on five nineteen eighty", "5 19 80"),
    ("nineteen eighty eighteen", "19 80 18"),
    ("from seventeen fifty to eighteen fifty", "1750 1850"),
    ("it to eighteen fifty", "18 50"),
    ("born eighteen fifty", "1850"),
    ("room nineteen fifty", "19 50"),
    ("the score was now nineteen eighty", "19 80"),
    ("the score in nineteen eighty", "1980"),
    ("for nineteen eighty", "19 80"),
    ("nineteen eighty bottles", "19 80"),
    ("nineteen eighty was", "1980"),
    ("the nineteen eighty election", "1980"),
    ("the seventeen fifty train", "17 50"),
    ("the seventeen fifty from", "17 50"),
    ("end of nineteen eighty everything", "1980"),
    ("of nineteen eighty survived", "19 80"),
    ("of nineteen eighty", "1980"),
]
VALUES = {"five": "5", "twelve": "12", "seventeen": "17", "eighteen": "18", "nineteen": "19"}
VALUES |= {"twenty": "20", "fifty": "50", "eighty": "80"}


@pytest.mark.parametrize(("text", "written"), CASES)
def test_two_numbers_are_a_year_where_nothing_else_fits(text: str, written: str) -> None:
    words = text.split(" ")
    numbers = [Number(at, at + 1, VALUES[word]) for at, word in enumerate(words) if word in VALUES]

    joined = join_years(numbers, Sentence(words, "en", EXCEPTIONS["en"]))

    assert " ".join(number.text for number in joined) == written


def test_where_years_are_no_pairs_none_is_joined() -> None:
    numbers = [Number(0, 1, "19"), Number(1, 2, "80")]

    assert join_years(numbers, Sentence(["a", "b"], "fr", EXCEPTIONS["fr"])) == numbers
