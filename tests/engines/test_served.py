from __future__ import annotations

from dataclasses import replace

from scribewire.engines.languages import LanguageTable
from scribewire.engines.served import describe_table, languages_by_model
from scribewire.testing.on_demand import ScriptedModel, scripted_on_demand
from scribewire.testing.scripted import SCRIPTED_TRAITS, ScriptedEngine

BOTH = {"fast": "letters-nl", "quality": "letters-nl"}


def test_each_language_has_its_model_in_each_mode_and_nothing_is_loaded_for_it() -> None:
    model = ScriptedModel()
    traits = replace(
        SCRIPTED_TRAITS, languages=frozenset({"en", "nl"}), tells_language=True, device="cuda"
    )
    dutch = scripted_on_demand(model.load, name="letters-nl", traits=traits)

    told = describe_table(LanguageTable((ScriptedEngine(), dutch)))

    assert told == {
        "default_language": "en",
        "languages": {
            "en": {"fast": "ScriptedEngine", "quality": "ScriptedEngine"},
            "nl": BOTH,
        },
        "auto": {"languages": ["en", "nl"], **BOTH},
        "models": [
            {"name": "ScriptedEngine", "licence": None, "device": "cpu", "memory_mb": None},
            {"name": "letters-nl", "licence": "MIT", "device": "cuda", "memory_mb": None},
        ],
    }
    assert model.loads == 0


def test_what_each_model_serves_is_told_by_its_name() -> None:
    traits = replace(SCRIPTED_TRAITS, languages=frozenset({"en", "nl", "de"}), tells_language=True)
    other = scripted_on_demand(ScriptedModel().load, name="letters", traits=traits)

    told = languages_by_model(LanguageTable((ScriptedEngine(), other)))

    assert told == {"ScriptedEngine": ["en"], "letters": ["de", "nl", "auto"]}


def test_where_nothing_is_found_out_nobody_does_it() -> None:
    told = describe_table(LanguageTable((ScriptedEngine(),)))

    assert told["auto"] == {"languages": []}
