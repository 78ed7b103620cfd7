"""Whether onnxruntime could run a model on a GPU: found out without loading it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec

_LIBRARY = "*onnxruntime_providers_cuda.*"  # in the package of another name alone, onnxruntime-gpu
_WHY = (
    "onnxruntime, which Moonshine and the models that tell speakers apart run on, is installed "
    "without CUDA: put onnxruntime-gpu in its place (docs/gpu.md)"
)


def why_no_onnx_gpu(find: Callable[[str], ModuleSpec | None] = find_spec) -> str | None:
    """Return what stands in the way, with what to do; None: what is left shows when one is tried.

    Whether there is a GPU, and libraries of CUDA, only a session finds out.
    """
    spec = find("onnxruntime")
    places = (spec and spec.submodule_search_locations) or ()
    is_there = any(any(Path(place, "capi").glob(_LIBRARY)) for place in places)
    return None if is_there else _WHY
