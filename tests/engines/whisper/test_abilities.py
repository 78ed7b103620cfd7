from __future__ import annotations

from scribewire.engines.whisper.abilities import traits_of
from scribewire.testing.checks.traits import check_traits


def test_a_model_of_several_languages_tells_them_apart() -> None:
    several = traits_of(frozenset({"nl", "de"}), "cpu")

    check_traits(several)
    assert several.tells_language


def test_a_model_that_serves_one_language_tells_nothing() -> None:
    assert not traits_of(frozenset({"nl"}), "cpu").tells_language


def test_the_device_is_told() -> None:
    assert traits_of(frozenset({"nl"}), "cuda").device == "cuda"
