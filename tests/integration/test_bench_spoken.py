"""Which engine and which model the benches take for a language."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.spoken import Spoken
from scribewire.engines.engines import Engines
from scribewire.engines.families import DEFAULT_MODEL
from scribewire.testing.scripted import SCRIPTED_TRAITS, ScriptedEngine, ScriptedVad
from scribewire.wishes import AUTO


class Multilingual(ScriptedEngine):
    """One that tells which of its languages is spoken."""

    traits = replace(SCRIPTED_TRAITS, languages=frozenset({"en", "nl"}), tells_language=True)


ENGLISH, SEVERAL = ScriptedEngine(), Multilingual()
ENGINES = Engines(ScriptedVad(), (ENGLISH, SEVERAL))


@pytest.mark.parametrize(
    ("languages", "is_multilingual", "expected"),
    [
        (("en",), False, ENGLISH),
        (("en",), True, SEVERAL),
        (("nl",), False, SEVERAL),
        ((AUTO,), False, SEVERAL),
        (("en", "nl", AUTO), True, SEVERAL),
    ],
)
def test_a_language_is_decoded_as_it_is_served_unless_several_are_asked_for(
    languages: tuple[str, ...], is_multilingual: bool, expected: ScriptedEngine
) -> None:
    spoken = Spoken(languages=languages, is_multilingual=is_multilingual)

    assert spoken.engine(ENGINES) is expected


def test_two_engines_in_one_run_are_refused() -> None:
    with pytest.raises(SystemExit, match="name --multilingual"):
        Spoken(languages=("en", "nl")).engine(ENGINES)


def test_no_engine_of_several_languages_is_said() -> None:
    with pytest.raises(SystemExit, match="no engine of several languages"):
        Spoken(languages=(AUTO,)).engine(Engines(ScriptedVad(), (ENGLISH,)))


def test_the_model_that_is_fitted_is_the_one_that_decodes() -> None:
    assert Spoken().model is DEFAULT_MODEL
    with pytest.raises(SystemExit, match="no model has all of them"):
        _ = Spoken(languages=("en", "xx")).model
