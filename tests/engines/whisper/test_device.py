from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from scribewire.engines.protocols import Device
from scribewire.engines.whisper.device import choose_device, count_gpus, load_on_device
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


@pytest.mark.parametrize(
    ("wish", "gpus", "is_usable", "tried"),
    [
        ("auto", 0, True, ["cpu"]),
        ("auto", 1, True, ["cuda"]),
        ("auto", 1, False, ["cuda", "cpu"]),
        ("cpu", 1, True, ["cpu"]),
        ("cuda", 1, True, ["cuda"]),
    ],
)
def test_a_gpu_that_cannot_be_used_leaves_the_processor(
    wish: DeviceWish,
    gpus: int,
    tried: list[Device],
    *,
    is_usable: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    devices: list[Device] = []

    def load(device: Device) -> Device:
        devices.append(device)
        if device == "cuda" and not is_usable:
            raise ModelFault("libcublas.so.12 is not found")
        return device

    assert load_on_device(wish, load, lambda: gpus) == tried[-1]
    assert devices == tried
    warned = "! the GPU cannot be used, the processor is: libcublas.so.12 is not found"
    assert caplog.messages == ([] if is_usable else [warned])


def test_a_gpu_that_was_wished_for_and_cannot_be_used_is_a_fault() -> None:
    with pytest.raises(ModelFault, match=r"^device cuda: out of memory; `auto` goes on without"):
        load_on_device("cuda", cannot_load("out of memory"), lambda: 1)


def test_a_model_that_loads_nowhere_is_not_the_fault_of_the_gpu(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(ModelFault, match=r"^model\.bin is cut$"):
        load_on_device("auto", cannot_load("model.bin is cut"), lambda: 1)

    assert caplog.messages == []


def cannot_load(why: str) -> Callable[[Device], Device]:
    def load(_device: Device) -> Device:
        raise ModelFault(why)

    return load
