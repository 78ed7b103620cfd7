import pytest

from scribewire.formatting.languages import EXCEPTIONS
from scribewire.formatting.sentence import Part, Sentence


def read(text: str, language: str = "en") -> Sentence:
    return Sentence(text.split(" "), language, EXCEPTIONS[language])


def test_a_word_is_a_core_between_its_punctuation() -> None:
    assert read('("Twenty-one!"').parts == (Part('("', "Twenty-one", '!"'),)


def test_hyphens_that_nobody_sees_are_no_part_and_accents_are_on_their_letters() -> None:
    assert read("twee\u00adhonderd e\u0301e\u0301n").parts == (
        Part("", "tweehonderd", ""),
        Part("", "één", ""),
    )


def test_a_multiplier_after_digits_is_no_number() -> None:
    sentence = read("20 thousand, thousand")

    assert [sentence.value(at) for at in range(3)] == [None, None, 1000]


def test_punctuation_and_a_double_space_keep_words_apart() -> None:
    sentence = read("one two, three  four")

    assert [sentence.is_joined(at) for at in range(5)] == [False, True, False, False, False]
    assert (sentence.previous(1), sentence.previous(2), sentence.following(0)) == ("one", "", "two")


@pytest.mark.parametrize(
    ("language", "word", "value"),
    [
        ("en", "Twenty-one", 21),
        ("en", "first", None),
        ("en", "hundreds", None),
        ("en", "percent", None),
        ("de", "zweihundert", 200),
        ("fr", "millions", 1_000_000),
        ("nl", "", None),
    ],
)
def test_what_a_word_counts_by_itself(language: str, word: str, value: int | None) -> None:
    assert read(word, language).value(0) == value


def test_beyond_the_words_there_is_nothing() -> None:
    sentence = read("one")

    assert (sentence.core(-1), sentence.core(1), sentence.value(-1)) == ("", "", None)


@pytest.mark.parametrize(
    ("text", "zeros"),
    [
        ("three oh five", [1]),
        ("three oh oh five", [1, 2]),
        ("three oh", []),
        ("three point oh five", [2]),
        ("two one oh", [2]),
        ("two one oh,", [2]),
        ("two oh one oh oh", [1, 3, 4]),
        ("two one oh no", []),
        ("twenty one oh", []),
        ("two, one oh", []),
        ("oh five", []),
        ("three, oh five", []),
        ("nineteen oh five", []),
    ],
)
def test_an_oh_is_zero_between_digits(text: str, zeros: list[int]) -> None:
    sentence = read(text)

    assert [at for at in range(len(sentence.parts)) if sentence.is_spoken_zero(at)] == zeros
    assert all(sentence.spelled(at) == "zero" and sentence.value(at) == 0 for at in zeros)
