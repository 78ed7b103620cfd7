from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from scribewire.recognition.calibration import Calibration
from scribewire.recognition.traits import Traits
from scribewire.testing.checks.traits import check_calibration, check_traits
from scribewire.testing.scripted import SCRIPTED_CALIBRATION, SCRIPTED_TRAITS

with_trait: Callable[..., Traits] = partial(replace, SCRIPTED_TRAITS)
with_number: Callable[..., Calibration] = partial(replace, SCRIPTED_CALIBRATION)


@pytest.mark.parametrize(
    "traits",
    [
        SCRIPTED_TRAITS,
        with_trait(languages=frozenset({"en", "nl"}), min_window_samples=0, max_width=1),
        with_trait(max_window_samples=480_000, device="cuda"),
    ],
)
def test_sound_traits_pass(traits: Traits) -> None:
    check_traits(traits)


@pytest.mark.parametrize(
    ("traits", "sentence"),
    [
        (with_trait(languages=frozenset()), "`languages` is empty"),
        (with_trait(languages=frozenset({"en-US"})), "language 'en-US' is no ISO 639-1 code"),
        (with_trait(languages=frozenset({"EN"})), "language 'EN' is no ISO 639-1 code"),
        (with_trait(min_window_samples=-1), "`min_window_samples` is -1"),
        (with_trait(max_window_samples=512), "`max_window_samples` is 512: expected more than"),
        (with_trait(max_width=0), "`max_width` is 0: expected 1 for greedy"),
        (with_trait(device="toaster"), "`device` is 'toaster': expected one of"),
    ],
)
def test_traits_that_cannot_be_are_named(traits: Traits, sentence: str) -> None:
    with pytest.raises(AssertionError) as caught:
        check_traits(traits)

    assert sentence in str(caught.value)


def test_a_calibration_for_one_mode_passes() -> None:
    check_calibration(with_number(final_width={"fast": 16}), SCRIPTED_TRAITS)


@pytest.mark.parametrize(
    ("calibration", "sentence"),
    [
        (with_number(final_width={}), "`final_width` names no mode"),
        (with_number(final_width={"slow": 1}), "`final_width` names the mode 'slow'"),
        (with_number(context_samples={"fast": 0}), "`context_samples` lacks the mode 'quality'"),
        (with_number(final_width={"fast": 17}), "`final_width` is 17 in fast: expected 1 to"),
        (with_number(final_width={"fast": 0}), "`final_width` is 0 in fast: expected 1 to"),
        (with_number(pad_before_samples=-1), "expected none below 0"),
        (with_number(speech_per_noise=0.0), "`speech_per_noise` is 0.0: expected more than 0"),
    ],
)
def test_numbers_that_do_not_fit_the_traits_are_named(
    calibration: Calibration, sentence: str
) -> None:
    with pytest.raises(AssertionError) as caught:
        check_calibration(calibration, SCRIPTED_TRAITS)

    assert sentence in str(caught.value)
