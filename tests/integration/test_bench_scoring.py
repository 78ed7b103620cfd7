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
