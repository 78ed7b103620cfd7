from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from scribewire.limits import ServerLimits
from scribewire.settings import OPTIONS, OTHER_VARIABLES, Settings, unknown_variables


def test_defaults_listen_on_this_machine_only() -> None:
    settings = Settings()

    assert (settings.host, settings.port, settings.keys) == ("127.0.0.1", 8000, ())


def test_keys_come_from_the_environment_separated_by_commas(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SCRIBEWIRE_KEYS", "one, two,,")

    assert Settings().keys == ("one", "two")


def test_the_cache_folder_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIBEWIRE_CACHE_DIR", "/var/cache/scribewire")

    assert Settings().cache_dir == Path("/var/cache/scribewire")


def test_arguments_override_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIBEWIRE_PORT", "9001")

    assert Settings().port == 9001
    assert Settings(port=9002).port == 9002


def test_keys_are_not_shown() -> None:
    assert "planted" not in repr(Settings(keys=("planted",)))


@pytest.mark.parametrize(
    "wrong", [{"port": 70_000}, {"workers": 0}, {"log_level": "loud"}, {"max_utterance_ms": 1}]
)
def test_values_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Settings.model_validate(wrong)


def test_every_option_has_its_place_and_limits_come_last() -> None:
    limits = list(ServerLimits.model_fields)

    assert sorted(OPTIONS) == sorted(Settings.model_fields)
    assert OPTIONS[0] == "host"
    assert list(OPTIONS[-len(limits) :]) == limits


def test_every_option_says_what_it_means() -> None:
    assert all(field.description for field in Settings.model_fields.values())


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("SCRIBEWIRE_WORKERZ", "SCRIBEWIRE_WORKERS"),
        ("scribewire_workerz", "SCRIBEWIRE_WORKERS"),
        ("SCRIBEWIRE_LOGLEVEL", "SCRIBEWIRE_LOG_LEVEL"),
        ("SCRIBEWIRE_ALLOW_SOURCES", "SCRIBEWIRE_ALLOW_SOURCE"),
        ("SCRIBEWIRE_QQQQQQ", ""),
    ],
)
def test_a_variable_that_nobody_reads_is_found_with_the_nearest(name: str, nearest: str) -> None:
    assert unknown_variables(["PATH", name]) == {name: nearest}


@pytest.mark.parametrize(
    "name",
    [
        *(f"SCRIBEWIRE_{name.upper()}" for name in Settings.model_fields),
        *OTHER_VARIABLES,
        "scribewire_port",  # as is read, too
        "OTHER_SCRIBEWIRE_WORKERZ",
        "SCRIBEWIRE",
        # of a service of that name, in Kubernetes
        *("SCRIBEWIRE_SERVICE_HOST", "SCRIBEWIRE_SERVICE_PORT", "SCRIBEWIRE_SERVICE_PORT_HTTP"),
        *("SCRIBEWIRE_PORT_8000_TCP", "SCRIBEWIRE_PORT_8000_TCP_ADDR"),
        "SCRIBEWIRE_STAGING_SERVICE_HOST",
    ],
)
def test_a_variable_that_somebody_reads_is_none_of_them(name: str) -> None:
    assert unknown_variables([name]) == {}


@pytest.mark.parametrize(
    ("given", "languages"),
    [("nl, en,", ("nl", "en")), (("nl", "de,fr"), ("nl", "de", "fr")), ((), ())],
)
def test_languages_are_named_one_by_one_or_separated_by_commas(
    given: object, languages: tuple[str, ...]
) -> None:
    assert Settings.model_validate({"languages": given}).languages == languages


def test_a_folder_may_serve_several_languages() -> None:
    settings = Settings(models=("nl=/small", "de=/small", "fr=/large=v3"))

    assert settings.model_folders == {
        Path("/small"): {"nl", "de"},
        Path("/large=v3"): {"fr"},
    }


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"languages": "dutch"}, "be codes of two letters, as `nl`, not 'dutch'"),
        ({"languages": "auto"}, "not 'auto'"),
        ({"default_language": "NL"}, "not 'NL'"),
        ({"default_language": ""}, "not ''"),
        ({"models": "nl"}, "be LANGUAGE=FOLDER, as `nl=/models/whisper-small`"),
        ({"models": "nl="}, "be LANGUAGE=FOLDER"),
        ({"models": "=/small"}, "be LANGUAGE=FOLDER"),
        ({"models": "nl=/small,nl=/large"}, "name one folder for nl"),
        ({"device": "gpu"}, "'auto', 'cpu' or 'cuda'"),
    ],
)
def test_languages_and_models_that_cannot_be_meant_are_refused(
    wrong: dict[str, object], words: str
) -> None:
    with pytest.raises(ValidationError, match=re.escape(words)):
        Settings.model_validate(wrong)
