import pytest

from bench.scoring import WordErrors, add_up, count_errors


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("one of us", "one of us", WordErrors(words=3)),
        ("mister hale said so", "Mr. Hale said so!", WordErrors(words=4)),
        ("twenty one colours", "21 colors", WordErrors(words=2)),
        ("go left now", "go right now", WordErrors(words=3, substitutions=1)),
        ("go left now", "go now", WordErrors(words=3, deletions=1)),
        ("go now", "go left now", WordErrors(words=2, insertions=1)),
        ("go left now", "", WordErrors(words=3, deletions=3)),
        ("", "", WordErrors()),
        ("", "Thank you.", WordErrors(insertions=2)),
        ("", "[Music]", WordErrors()),
    ],
)
def test_words_are_compared_once_their_spelling_is_made_equal(
    reference: str, hypothesis: str, expected: WordErrors
) -> None:
    assert count_errors(reference, hypothesis) == expected


def test_pooled_counts_weigh_every_word_the_same() -> None:
    counts = [
        WordErrors(words=10, substitutions=1, deletions=2),
        WordErrors(words=2, insertions=3),
    ]

    total = add_up(counts)

    assert total == WordErrors(words=12, substitutions=1, deletions=2, insertions=3)
    assert total.errors == 6


@pytest.mark.parametrize(
    ("language", "reference", "hypothesis", "errors"),
    [
        ("de", "Am dritten Mai zweitausendfünfhundert Euro", "am 3. Mai 2.500 €", 0),
        ("de", "drei Komma fünf Prozent", "3,5 %", 0),
        ("de", "neunzehnhundertdreiundsechzig", "1963.", 0),
        ("de", "dreißig große Straßen", "30 grosse Strassen", 0),
        ("fr", "tuant ainsi dix-sept personnes", "tuant ainsi 17 personnes", 0),
        ("fr", "mon chiffre préféré 3061", "Mon chiffre préféré : 3\u202f061.", 0),
        ("fr", "cent pour cent", "100%", 0),
        ("fr", "le vingt et unième siècle", "Le 21ème siècle", 0),
        ("fr", "l'accident des états-unis", "L\u2019accident des États Unis.", 0),
        ("nl", "de eenentwintigste eeuw", "De 21e eeuw.", 0),
        ("nl", "één komma vijf", "1,5", 0),
        ("nl", "een zee-engte", "Een zee engte", 0),
        ("nl", "een huis", "Eén huis!", 0),
        ("nl", "112 112", "112, 112", 0),
        ("nl", "zestien", "17", 1),
        ("nl", "de zee-engte", "de zeeëngte", 2),
        ("fr", "préféré", "prefere", 1),
    ],
)
def test_numbers_of_each_language_count_alike_in_words_and_digits(
    language: str, reference: str, hypothesis: str, errors: int
) -> None:
    assert count_errors(reference, hypothesis, language).errors == errors
    assert count_errors(hypothesis, reference, language).errors == errors
