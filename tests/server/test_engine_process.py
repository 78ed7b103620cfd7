from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from scribewire.errors import ModelFault, ServerFault
from scribewire.server.engine_process import serve_engines, voices_name
from scribewire.settings import Settings
from tests.parts.engine_hosts import socket_path


def test_a_path_that_no_socket_can_have_is_told_before_anything_is_loaded(tmp_path: Path) -> None:
    settings = Settings(model_dir=tmp_path)

    with pytest.raises(ServerFault, match="expected at most 100"):
        serve_engines(settings, tmp_path / ("x" * 100), on_listening=lambda _path: None)


def test_without_models_there_is_no_socket(tmp_path: Path) -> None:
    with socket_path() as path:
        with pytest.raises(ModelFault, match="no such file"):
            serve_engines(Settings(model_dir=tmp_path), path, on_listening=lambda _path: None)

        assert not path.parent.exists()


def test_what_tells_voices_apart_is_named_by_what_it_is(tmp_path: Path) -> None:
    own = tmp_path / "own.onnx"
    own.write_bytes(b"a model")

    assert voices_name(Settings()) == "the one inside the dependencies"
    assert voices_name(Settings(speaker_model=own)) == hashlib.sha256(b"a model").hexdigest()
