"""Models of an operator's own, and such as are broken, behind a real server."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import pytest
from websockets.exceptions import ConnectionClosed

from scribewire.engines.engines import Engines
from scribewire.engines.families import MODELS
from scribewire.engines.loader import configured_engines
from scribewire.engines.whisper.family import WHISPER_BASE
from scribewire.models.cache import ModelCache
from scribewire.models.store import find_model
from scribewire.settings import Settings
from scribewire.testing.running import RunningServer, run_server
from tests.parts.plain_http import ask
from tests.parts.tiny_whisper import build

START, STOP = '{"action":"start"}', '{"action":"stop"}'


@contextlib.asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[tuple[RunningServer, Engines]]:
    engines = configured_engines(settings, ModelCache())
    async with run_server(engines) as server:
        yield server, engines
    engines.close()


async def speak(server: RunningServer, language: str) -> tuple[int, list[str]]:
    """Wait to be heard in a language; return the close and the errors that came."""
    async with server.dial(f"/v2/realtime?token=key-1&language={language}") as dialogue:
        await dialogue.send(START, bytes(6400))
        with contextlib.suppress(ConnectionClosed):
            while (await dialogue.next()).get("state") != "listening":
                pass
            await dialogue.send(STOP)
        return await dialogue.until_closed(), dialogue.errors


async def told(server: RunningServer) -> dict[str, Any]:
    answer = await ask(server.address.port, "/v1/models")
    document: dict[str, Any] = json.loads(answer.body)
    return document


@pytest.mark.slow
async def test_a_folder_serves_its_languages_and_is_loaded_once_for_all_of_them(
    tmp_path: Path,
) -> None:
    build(tmp_path / "tiny")
    settings = Settings(models=(f"nl={tmp_path / 'tiny'}", f"sv={tmp_path / 'tiny'}"))

    async with serving(settings) as (server, _):
        before = await told(server)
        ends = [await speak(server, language) for language in ("nl", "sv")]
        after = await told(server)

    own = {"fast": "whisper in tiny (nl, sv)", "quality": "whisper in tiny (nl, sv)"}
    assert before["languages"]["nl"] == before["languages"]["sv"] == own
    assert before["languages"]["en"]["fast"] == "moonshine-tiny-en"
    assert ends == [(1000, []), (1000, [])]
    assert (before["resident"], after["resident"]) == ([], ["whisper in tiny (nl, sv)"])


def _break_size(folder: Path) -> None:
    (folder / "model.bin").write_bytes(b"cut")


def _break_digest(folder: Path) -> None:
    (file,) = (file for file in WHISPER_BASE.carriers[0].files if file.name == "model.bin")
    with (folder / "model.bin").open("wb") as stream:
        stream.truncate(file.size)


DAMAGES: Final[
    dict[str, Callable[[Path], object]]
] = {  # each is found by the load after the one before
    "model.bin of 3 bytes: expected 145,217,532": _break_size,
    "with SHA-256": _break_digest,
    "no folder": shutil.rmtree,
}


@pytest.mark.slow
async def test_a_model_that_broke_ends_its_sessions_in_words_and_no_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for model in MODELS:
        for file in model.files:
            shutil.copy(find_model(file), tmp_path / file.name)
    broken = tmp_path / WHISPER_BASE.name
    broken.mkdir()
    async with serving(Settings(model_dir=tmp_path)) as (server, _):
        for words, damage in DAMAGES.items():
            damage(broken)  # found there at the start
            caplog.clear()

            code, errors = await speak(server, "nl")

            assert code == 1011
            assert len(errors) == 1
            assert "the model of this session cannot be loaded" in errors[0]
            assert str(tmp_path) not in errors[0]
            assert words in caplog.text
            assert await speak(server, "en") == (1000, [])
        assert (await told(server))["resident"] == ["moonshine-tiny-en"]
