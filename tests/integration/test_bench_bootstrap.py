import pytest

from bench.bootstrap import Estimate, estimate_difference, estimate_rate


def test_clips_that_are_all_alike_leave_no_doubt() -> None:
    rate = estimate_rate([1] * 20, [10] * 20)

    assert rate == Estimate(value=10.0, low=10.0, high=10.0)


def test_the_rate_is_pooled_over_words_not_averaged_over_clips() -> None:
    rate = estimate_rate([5, 0], [10, 90])

    assert rate.value == 5.0


def test_the_interval_is_as_wide_as_theory_says() -> None:
    errors = [0, 2] * 50  # the rate has a standard error of 10 % / sqrt(100) = 1 %

    rate = estimate_rate(errors, [10] * 100)

    assert rate.value == 10.0
    assert rate.low == pytest.approx(10 - 1.96, abs=0.1)
    assert rate.high == pytest.approx(10 + 1.96, abs=0.1)


def test_the_same_seed_gives_the_same_interval() -> None:
    errors, words = [n % 7 for n in range(60)], [n % 11 + 7 for n in range(60)]

    assert estimate_rate(errors, words, seed=1) == estimate_rate(errors, words, seed=1)
    assert estimate_rate(errors, words, seed=1) != estimate_rate(errors, words, seed=2)


def test_clips_that_are_hard_for_both_cancel_out() -> None:
    hard_for_both = [0, 9, 0, 9, 0, 9]
    one_more_each = [errors + 1 for errors in hard_for_both]

    difference = estimate_difference(one_more_each, hard_for_both, [10] * 6)

    assert difference.value == pytest.approx(10)
    assert difference.low == pytest.approx(10)
    assert difference.high == pytest.approx(10)


def test_draws_of_clips_without_words_are_left_out() -> None:
    rate = estimate_rate([0, 1], [0, 2])

    assert (rate.value, rate.low, rate.high) == (50, 50, 50)
