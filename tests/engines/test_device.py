from __future__ import annotations

from collections.abc import Callable

import pytest

from scribewire.engines.device import DeviceFault, choose_device, load_on_device
from scribewire.engines.protocols import Device
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
    assert choose_device(wish, why_not(gpus)) == device


def test_a_gpu_that_is_not_there_is_told_with_what_to_do() -> None:
    with pytest.raises(DeviceFault, match=r"^device cuda: no GPU here: look; or leave .* `auto`$"):
        choose_device("cuda", why_not(0))


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

    assert load_on_device(wish, load, why_not(gpus)) == tried[-1]
    assert devices == tried
    warned = "! the GPU cannot be used, the processor is: libcublas.so.12 is not found"
    assert caplog.messages == ([] if is_usable else [warned])


def test_a_gpu_that_was_wished_for_and_cannot_be_used_is_a_fault() -> None:
    with pytest.raises(DeviceFault, match=r"^device cuda: out of memory; `auto` goes on without"):
        load_on_device("cuda", cannot_load("out of memory"), why_not(1))


def test_a_model_that_loads_nowhere_is_not_the_fault_of_the_gpu(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(ModelFault, match=r"^model\.bin is cut$"):
        load_on_device("auto", cannot_load("model.bin is cut"), why_not(1))

    assert caplog.messages == []


def cannot_load(why: str) -> Callable[[Device], Device]:
    def load(_device: Device) -> Device:
        raise ModelFault(why)

    return load


def why_not(gpus: int) -> Callable[[], str | None]:
    return lambda: None if gpus else "no GPU here: look"
