import pytest

from scribewire.formatting.joining import join_decimals, join_times
from scribewire.formatting.languages import EXCEPTIONS
from scribewire.formatting.sentence import Number, Sentence

DECIMALS = [
    ("de", "3 Komma 14", "3,14"),
    ("en", "3 point 1 4 1", "3.141"),
    ("nl", "3 komma 14 15", "3,14 15"),
    ("nl", "3 komma 1 4 15", "3,14 15"),
    ("nl", "3 komma 14 1", "3,14 1"),
    ("nl", "3 komma 1, 4", "3,1 4"),
    ("nl", "3 1 4", "3 1 4"),
    ("en", "3 point 5 point 2", "3.5 2"),
    ("en", "3, point 5", "3 5"),
    ("en", "3 comma 5", "3 5"),
    ("en", "3rd point 5", "3rd 5"),
    ("en", "point 5", "5"),
]

TIMES = [
    ("3 30 pm", "3:30"),
    ("6 0 5 pm", "6:05"),
    ("11 59 a m", "11:59"),
    ("12 0 0 p.m.", "12:00"),
    ("3 30", "3 30"),
    ("3 30 minutes", "3 30"),
    ("3 60 pm", "3 60"),
    ("13 30 pm", "13 30"),
    ("3 5 pm", "3 5"),
    ("10 9 30 pm", "10 9 30"),
    ("3, 30 pm", "3 30"),
    ("3 30th pm", "3 30th"),
    ("3 pm", "3"),
    ("3.30 30 pm", "3.30 30"),
]


def read(text: str, language: str) -> tuple[list[Number], Sentence]:
    words = text.split(" ")
    numbers = [
        Number(at, at + 1, word.strip(",")) for at, word in enumerate(words) if word[0].isdigit()
    ]
    return numbers, Sentence(words, language, EXCEPTIONS[language])


@pytest.mark.parametrize(("language", "text", "written"), DECIMALS)
def test_decimals_follow_a_point(language: str, text: str, written: str) -> None:
    joined = join_decimals(*read(text, language))

    assert " ".join(number.text for number in joined) == written


@pytest.mark.parametrize(("text", "written"), TIMES)
def test_hours_and_minutes_stand_before_what_says_which_half_of_the_day(
    text: str, written: str
) -> None:
    joined = join_times(*read(text, "en"))

    assert " ".join(number.text for number in joined) == written


def test_what_is_joined_lasts_from_the_first_to_the_last() -> None:
    numbers, sentence = read("at 3 point 1 4 pm", "en")

    assert join_decimals(numbers, sentence) == [Number(1, 5, "3.14")]
