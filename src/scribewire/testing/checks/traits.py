"""Traits and calibration that make sense, alone and together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from scribewire.types import Mode

if TYPE_CHECKING:
    from scribewire.recognition.calibration import Calibration
    from scribewire.recognition.traits import Traits

DEVICES: Final = ("cpu", "cuda")


def check_traits(traits: Traits) -> None:
    """Raise AssertionError when the traits cannot be true of any engine."""
    _check_languages(traits.languages)
    shortest, longest = traits.min_window_samples, traits.max_window_samples
    assert shortest >= 0, f"`min_window_samples` is {shortest}"
    assert longest is None or longest > shortest, (
        f"`max_window_samples` is {longest}: expected more than `min_window_samples`, {shortest}"
    )
    assert traits.max_width >= 1, f"`max_width` is {traits.max_width}: expected 1 for greedy"
    assert traits.device in DEVICES, f"`device` is {traits.device!r}: expected one of {DEVICES}"


def check_calibration(calibration: Calibration, traits: Traits) -> None:
    """Raise AssertionError when the numbers ask for more than the traits offer."""
    widths = calibration.final_width
    modes = get_args(Mode)
    assert widths, "`final_width` names no mode, so the engine serves none"
    for mode, width in widths.items():
        assert mode in modes, f"`final_width` names the mode {mode!r}: expected one of {modes}"
        assert mode in calibration.context_samples, f"`context_samples` lacks the mode {mode!r}"
        assert 1 <= width <= traits.max_width, (
            f"`final_width` is {width} in {mode}: expected 1 to `max_width`, {traits.max_width}"
        )
    pads = (calibration.pad_before_samples, calibration.max_pad_after_samples)
    assert min(pads) >= 0, f"pads of {pads} samples: expected none below 0"
    factor = calibration.speech_per_noise
    assert factor > 0, f"`speech_per_noise` is {factor}: expected more than 0"


def _check_languages(languages: frozenset[str]) -> None:
    assert languages, "`languages` is empty"
    for code in languages:
        is_iso = len(code) == 2 and code.isalpha() and code.islower()  # noqa: PLR2004 - ISO 639-1
        assert is_iso, f"language {code!r} is no ISO 639-1 code in lower case"
