"""Whether CTranslate2, which Whisper runs on, sees a GPU."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

_WHY = (
    "CTranslate2, which Whisper runs on, sees no GPU of NVIDIA here: see whether `nvidia-smi` "
    "lists one and ctranslate2 is installed (pip install 'scribewire[multilingual]')"
)


# One of them is there wherever Linux has a driver that CUDA can use: of NVIDIA's cards, of Windows
# below, of boards with a GPU inside.
_DRIVERS = ("/dev/nvidiactl", "/dev/dxg", "/dev/nvhost-ctrl", "/dev/nvmap")


def count_gpus() -> int:
    """Return how many GPUs CTranslate2 sees; 0 where it is not installed, or there is no driver."""
    if find_spec("ctranslate2") is None:
        return 0
    if sys.platform == "linux" and not any(Path(driver).exists() for driver in _DRIVERS):
        return 0
    import ctranslate2  # noqa: PLC0415 - who has no use for it does not wait for it

    count: int = ctranslate2.get_cuda_device_count()
    return count


def why_no_gpu() -> str | None:
    """Return why there is none, with what to do.

    Where there is a driver the library is loaded to find out, which takes 0.1 s.
    """
    return None if count_gpus() else _WHY
