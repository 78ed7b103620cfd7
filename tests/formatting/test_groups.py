import pytest

from scribewire.formatting.groups import joined_scales, starts_of_numbers
from scribewire.formatting.languages import EXCEPTIONS
from scribewire.formatting.sentence import Sentence

# A bar stands before a word that begins a number of its own.
STARTS = [
    ("one hundred | two hundred | three hundred", "en"),
    ("one hundred and five", "en"),
    ("one hundred and | two hundred", "en"),
    ("one hundred two thousand", "en"),
    ("two hundred thousand | three hundred thousand", "en"),
    ("one hundred five and | two hundred", "en"),
    ("one hundred one | one hundred two", "en"),
    ("one million two hundred thousand three hundred", "en"),
    ("eight hundred | five | five | five", "en"),
    ("one hundred five | six hundred", "en"),
    ("one hundred and five | five", "en"),
    ("zero | six | one", "en"),
    ("three point zero five", "en"),
    ("one hundred, two hundred", "en"),
    ("one hundred fifty | two hundred", "en"),
    ("one hundred twenty | one hundred thirty", "en"),
    ("two thousand five hundred and | three thousand", "en"),
    ("two hundred thousand | three hundred fifty thousand", "en"),
    ("twenty thousand | twenty five thousand", "en"),
    ("twenty two hundred", "en"),
    ("twenty and | two hundred", "en"),
    ("five hundred and two thousand", "en"),
    ("between five hundred and | two thousand", "en"),
    ("between about five hundred and | two thousand", "en"),
    ("between one hundred and fifty", "en"),
    ("mille | deux mille", "fr"),
    ("mille cinq cents | mille huit cents", "fr"),
    ("cent | cent", "fr"),
    ("cent et | mille", "fr"),
    ("entre vingt et un et | trente", "fr"),
    ("honderd twintig | honderd dertig", "nl"),
    ("honderd | vijf honderd", "nl"),
    ("vijftig en | honderd", "nl"),
    ("tussen twee en | dertig", "nl"),
    ("zwei und dreißig", "de"),
    ("zwischen zwei und | dreißig", "de"),
    ("zwischen den zwei und | dreißig", "de"),
    ("zwischen zwei und dreißig und | vierzig", "de"),
    ("zéro six | zéro sept", "fr"),
    ("three point one two three four", "en"),
    ("ninety-eight | ninety-nine | one hundred", "en"),
    ("negenennegentig | honderd | honderdeen", "nl"),
    ("negenennegentig honderd", "nl"),
    ("honderd een | honderd twee | honderd drie", "nl"),
    ("cent deux | cent trois | cent quatre", "fr"),
    ("cent | deux cents | trois cents", "fr"),
    ("neunhundertneunundneunzig | tausend | tausendeins", "de"),
    ("vijf | zes | zeven honderd", "nl"),
    ("zéro | un | deux", "fr"),
    ("nul zes | twaalf", "nl"),
    ("nul nul eenendertig | zes", "nl"),
    ("nul nul zes", "nl"),
    ("nul | zes", "nl"),
    ("nul | een | twee", "nl"),
    ("vijf | nul | zes | twaalf", "nl"),
    ("null | sechs | zwölf", "de"),
    ("mille neuf cent deux", "fr"),
    ("ein hundert | zwei hundert", "de"),
    ("honderd | tweehonderd", "nl"),
]

# A scale in brackets is written as a part of its number.
SCALES = [
    ("two million", "en"),
    ("two [million] three hundred thousand", "en"),
    ("two million five hundred", "en"),
    ("two billion three million", "en"),
    ("two [billion] three [million] five thousand", "en"),
    ("two million three million five hundred", "en"),
    ("two point five million three thousand", "en"),
    ("two million and three thousand", "en"),
    ("a [million] three thousand", "en"),
    ("the million three thousand", "en"),
    ("eine [Million] dreitausend", "de"),
]


def read(words: list[str], language: str) -> Sentence:
    return Sentence(words, language, EXCEPTIONS[language])


@pytest.mark.parametrize(("drawn", "language"), STARTS)
def test_where_a_number_begins(drawn: str, language: str) -> None:
    words = drawn.replace("| ", "").split(" ")

    starts = starts_of_numbers(read(words, language))

    assert " ".join(f"| {w}" if at in starts else w for at, w in enumerate(words)) == drawn


@pytest.mark.parametrize(("drawn", "language"), SCALES)
def test_which_scales_are_written_in_digits(drawn: str, language: str) -> None:
    words = drawn.replace("[", "").replace("]", "").split(" ")
    sentence = read(words, language)

    joined = joined_scales(sentence, starts_of_numbers(sentence))

    assert " ".join(f"[{w}]" if at in joined else w for at, w in enumerate(words)) == drawn
