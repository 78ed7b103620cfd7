from __future__ import annotations

import sys

import pytest

from scribewire.engines.whisper.device import choose_device, count_gpus
from scribewire.errors import ModelFault
from scribewire.types import DeviceWish


@pytest.mark.parametrize(
    ("wish", "gpus", "device"),
    [
        ("auto", 0, "cpu"),
        ("auto", 2, "cuda"),
        ("cpu", 1, "cpu"),
        ("cuda", 1, "cuda"),
    ],
)
def test_a_gpu_is_used_if_there_is_one_unless_the_processor_is_wished_for(
    wish: DeviceWish, gpus: int, device: str
) -> None:
    assert choose_device(wish, lambda: gpus) == device


def test_a_gpu_that_is_not_there_is_told_with_what_to_do() -> None:
    with pytest.raises(ModelFault, match=r"device cuda: CTranslate2.* sees no GPU.*`auto`"):
        choose_device("cuda", lambda: 0)


def test_without_the_library_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ctranslate2", None)  # as Python takes what is not there

    assert count_gpus() == 0
    assert choose_device("auto") == "cpu"
