"""What Whisper runs on: a GPU, where CTranslate2 sees one and can use it."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeVar

from scribewire.errors import ModelFault
from scribewire.log_line import LogLine

if TYPE_CHECKING:
    from collections.abc import Callable

    from scribewire.engines.protocols import Device
    from scribewire.types import DeviceWish

Loaded = TypeVar("Loaded")

_log = logging.getLogger("scribewire.engines")


def count_gpus() -> int:
    """Return how many GPUs CTranslate2 sees; 0 where it is not installed."""
    if find_spec("ctranslate2") is None:
        return 0
    import ctranslate2  # noqa: PLC0415 - who has no use for it does not wait for it

    count: int = ctranslate2.get_cuda_device_count()
    return count


def choose_device(wish: DeviceWish, count: Callable[[], int] = count_gpus) -> Device:
    """Return what to try first. Raises ModelFault where a GPU is wished for and there is none.

    For `cpu` nothing is asked; else the library is loaded, which takes 0.1 s.
    """
    if wish == "cpu":
        return "cpu"
    if count():
        return "cuda"
    if wish == "cuda":
        raise ModelFault(
            "device cuda: CTranslate2, which Whisper runs on, sees no GPU of NVIDIA here; leave "
            "the device to `auto`, or see whether `nvidia-smi` lists one and ctranslate2 is "
            "installed (pip install 'scribewire[multilingual]')"
        )
    return "cpu"


def load_on_device(
    wish: DeviceWish, load: Callable[[Device], Loaded], count: Callable[[], int] = count_gpus
) -> Loaded:
    """Load on a GPU if there is one, as wished; `load` tries what it has loaded, too.

    A GPU may be of no use: without the libraries of CUDA, or without memory enough. Then `auto`
    loads on the processor, with a warning in the log. Raises ModelFault.
    """
    device = choose_device(wish, count)
    if device == "cpu":
        return load(device)
    try:
        return load(device)
    except ModelFault as fault:
        if wish == "cuda":
            raise ModelFault(f"device cuda: {fault}; `auto` goes on without the GPU") from fault
        loaded = load("cpu")  # if that fails too, it is not the GPU's fault
        words = "! the GPU cannot be used, the processor is: {reason}"
        _log.warning(LogLine("no_gpu", words, reason=fault))
        return loaded
