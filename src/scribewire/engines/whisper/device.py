"""What Whisper runs on: a GPU, where CTranslate2 sees one."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from scribewire.errors import ModelFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from scribewire.engines.protocols import Device
    from scribewire.types import DeviceWish


def count_gpus() -> int:
    """Return how many GPUs CTranslate2 sees; 0 where it is not installed."""
    if find_spec("ctranslate2") is None:
        return 0
    import ctranslate2  # noqa: PLC0415 - who has no use for it does not wait for it

    count: int = ctranslate2.get_cuda_device_count()
    return count


def choose_device(wish: DeviceWish, count: Callable[[], int] = count_gpus) -> Device:
    """Return what to run on. Raises ModelFault where a GPU is wished for and there is none."""
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
