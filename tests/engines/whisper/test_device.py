from __future__ import annotations

import sys

import pytest

from scribewire.engines.whisper.device import count_gpus, why_no_gpu


def test_without_the_library_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ctranslate2", None)  # as Python takes what is not there

    assert count_gpus() == 0
    why = why_no_gpu()
    assert why is not None
    assert why.startswith("CTranslate2, which Whisper runs on, sees no GPU of NVIDIA here")
    assert "pip install 'scribewire[multilingual]'" in why
