from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from scribewire.cli.checks import Check
from scribewire.cli.model_checks import check_models
from scribewire.engines.families import FAMILIES
from scribewire.engines.loader import configured_engines
from scribewire.engines.served import describe_table
from scribewire.models.cache import ModelCache
from scribewire.models.catalog import SILERO_VAD
from scribewire.models.store import find_model
from scribewire.settings import Settings
from scribewire.testing.running import run_server
from tests.parts.multilingual import need_whisper
from tests.parts.plain_http import ask


def by_name(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


@pytest.mark.slow
def test_models_that_are_there_are_intact_and_it_is_said_what_they_serve() -> None:
    need_whisper()

    checks, table = check_models(Settings(), ModelCache())

    speech = [model.name for family in FAMILIES for model in family.models]
    told = [(check.name, check.status) for check in checks if check.name != "device"]  # of a GPU
    assert told == [(name, "ok") for name in (SILERO_VAD.name, *speech, "languages")]
    assert "en by moonshine-tiny-en" in checks[-1].words
    assert checks[-1].words.endswith("; en where none is named")
    assert table is not None


def test_without_what_whisper_needs_english_is_served_and_the_remedy_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ctranslate2", None)  # as Python takes what is not there

    checks, table = check_models(Settings(), ModelCache())

    found = by_name(checks)
    assert found["whisper-base"].status == "warning"
    assert "pip install 'scribewire[multilingual]'" in found["whisper-base"].words
    assert found["languages"].words == "en by moonshine-tiny-en; en where none is named"
    assert table is not None
    checks, table = check_models(Settings(languages=("en", "nl")), ModelCache())
    words = by_name(checks)["languages"].words
    assert words.startswith("language nl: no model; there are some for en; model whisper-base: ")
    assert table is None


def test_a_missing_or_changed_model_is_told_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "silero_vad.onnx").write_bytes(b"another model")

    checks, table = check_models(Settings(model_dir=tmp_path), ModelCache())

    found = by_name(checks)
    assert found["silero-vad"].status == "failed"
    assert "silero_vad.onnx: SHA-256" in found["silero-vad"].words
    assert found["languages"].status == "failed"
    assert "encoder_model.ort: no such file" in found["languages"].words
    assert "; copy it from moonshine-voice==" in found["languages"].words
    assert table is None


def test_a_changed_speech_model_is_told(tmp_path: Path) -> None:
    (english,) = FAMILIES[0].models
    shutil.copy(find_model(SILERO_VAD.files[0]), tmp_path)
    for file in english.files:
        (tmp_path / file.name).write_bytes(b"another model")

    checks, _ = check_models(Settings(model_dir=tmp_path), ModelCache())

    found = by_name(checks)
    assert found["silero-vad"].status == "ok"
    assert found[english.name].status == "failed"
    assert "encoder_model.ort: SHA-256" in found[english.name].words


@pytest.mark.parametrize(
    ("settings", "name", "words"),
    [
        (Settings(languages=("fi",)), "languages", "language fi: no model; there are some for"),
        (Settings(default_language="fi"), "languages", "default language fi: not served"),
        (Settings(models=("nl=/no/such",)), "languages", "/no/such"),
    ],
)
def test_what_the_server_would_not_start_with_has_failed(
    settings: Settings, name: str, words: str
) -> None:
    checks, table = check_models(settings, ModelCache())

    assert by_name(checks)[name].status == "failed"
    assert words in by_name(checks)[name].words
    assert table is None


@pytest.mark.slow
async def test_the_server_tells_the_same_as_doctor_and_what_is_in_memory() -> None:
    _, table = check_models(Settings(), ModelCache())
    engines = configured_engines(Settings(), ModelCache())

    async with run_server(engines) as server:
        answer = await ask(server.address.port, "/v1/models")

    engines.close()
    assert table is not None
    told = json.loads(answer.body)
    assert (answer.status, told.pop("resident")) == (200, [])
    assert (told.pop("streams"), told.pop("origin_allowed")) == (True, None)
    assert told == describe_table(table)
