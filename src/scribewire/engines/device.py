"""What models run on: a GPU, where their library sees one and can use it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

from scribewire.errors import ModelFault
from scribewire.log_line import LogLine

if TYPE_CHECKING:
    from collections.abc import Callable

    from scribewire.engines.protocols import Device
    from scribewire.types import DeviceWish

Loaded = TypeVar("Loaded")

_log = logging.getLogger("scribewire.engines")


class DeviceFault(ModelFault):
    """A GPU was wished for, and cannot be used."""


def choose_device(wish: DeviceWish, why_not: Callable[[], str | None]) -> Device:
    """Return what to try first. Raises DeviceFault where a GPU is wished for and there is none.

    `why_not` says what stands in its way, with what to do; for `cpu` it is not asked.
    """
    if wish == "cpu":
        return "cpu"
    why = why_not()
    if why is None:
        return "cuda"
    if wish == "cuda":
        raise DeviceFault(f"device cuda: {why}; or leave the device to `auto`")
    return "cpu"


def load_on_device(
    wish: DeviceWish, load: Callable[[Device], Loaded], why_not: Callable[[], str | None]
) -> Loaded:
    """Load on a GPU if there is one, as wished; `load` tries what it has loaded, too.

    A GPU may be of no use: without the libraries of CUDA, or without memory enough. Then `auto`
    loads on the processor, with a warning in the log. Raises ModelFault.
    """
    device = choose_device(wish, why_not)
    if device == "cpu":
        return load(device)
    try:
        return load(device)
    except ModelFault as fault:
        if wish == "cuda":
            raise DeviceFault(f"device cuda: {fault}; `auto` goes on without the GPU") from fault
        loaded = load("cpu")  # if that fails too, it is not the GPU's fault
        words = "! the GPU cannot be used, the processor is: {reason}"
        _log.warning(LogLine("no_gpu", words, reason=fault))
        return loaded
