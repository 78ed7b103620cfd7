"""onnxruntime, set up once: every session option of the project is in this file.

It is imported here and nowhere else. As soon as it is loaded it would write a device id into the
user's home and look up and connect to its vendor's host; a variable stops both, if it is set
before. It is set whatever was there, and child processes inherit it.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy.typing as npt

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime as onnxruntime  # noqa: PLC0414 - behind the variable; others take it here
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from scribewire.errors import ModelFault, ServerFault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from scribewire.engines.protocols import Device

Tensor: TypeAlias = npt.NDArray[Any]  # its type and shape stand in the graph

# onnxruntime raises these and some built-in ones; they have no root but Exception.
ORT_ERRORS: tuple[type[Exception], ...] = (
    *(
        error
        for error in vars(ort_errors).values()
        if isinstance(error, type) and issubclass(error, Exception)
    ),
    RuntimeError,
    ValueError,
)

ERRORS_ONLY = 3  # onnxruntime's scale: 0 verbose, 1 info, 2 warning, 3 error, 4 fatal


_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_CUDA_OPTIONS = {
    # Every utterance has another length: to try all ways of a convolution for each would take
    # longer than the utterance.
    "cudnn_conv_algo_search": "HEURISTIC",
    "arena_extend_strategy": "kSameAsRequested",  # else it doubles what it holds of the GPU
    "use_tf32": "0",  # the bounds were fitted for float32
}
_NO_CUDA = (
    "model file {path}: onnxruntime cannot use a GPU: there is none, or the libraries of CUDA and "
    "cuDNN that it is built for are missing (docs/gpu.md)"
)


class OnnxSession:
    """One loaded graph on the CPU, or on a GPU. Several threads may run it at once.

    Each run takes one thread, the caller's: decodes run side by side, and one decode is hardly
    faster on two. Raises ModelFault for a file that cannot be loaded, and a GPU that cannot be
    used.
    """

    def __init__(self, path: Path, *, device: Device = "cpu") -> None:
        options = _session_options()
        providers: list[str | tuple[str, dict[str, str]]] = [_CPU]
        if device == "cuda":
            if _CUDA not in onnxruntime.get_available_providers():
                raise ModelFault(_NO_CUDA.format(path=path))
            _load_cuda()
            options.use_deterministic_compute = True
            providers = [(_CUDA, _CUDA_OPTIONS), _CPU]  # the second for what the first lacks
        try:
            # By itself it would go on with the CPU, and print so where our answers go.
            session = onnxruntime.InferenceSession(
                str(path), options, providers=providers, enable_fallback=0
            )
        except ORT_ERRORS as error:
            raise ModelFault(f"model file {path}: onnxruntime cannot load it: {error}") from error
        if device == "cuda" and _CUDA not in session.get_providers():
            raise ModelFault(_NO_CUDA.format(path=path))
        self.name = path.name
        self._session: onnxruntime.InferenceSession | None = session  # None once closed
        self.input_shapes: dict[str, list[int | str]] = {
            tensor.name: tensor.shape for tensor in session.get_inputs()
        }
        self.output_names: list[str] = [tensor.name for tensor in session.get_outputs()]

    def run(self, wanted: Sequence[str], feeds: Mapping[str, Tensor]) -> list[Tensor]:
        """Return the outputs named in `wanted`, in that order. Raises ServerFault once closed."""
        session = self.check_open()
        try:
            outputs: list[Tensor] = session.run(wanted, feeds)
        except ORT_ERRORS as error:
            raise ServerFault(f"{self.name}: {error}") from error
        return outputs

    def check_open(self) -> onnxruntime.InferenceSession:
        """Return the session. Raises ServerFault once closed."""
        session = self._session
        if session is None:
            raise ServerFault(f"{self.name}: used after it was closed")
        return session

    def close(self) -> None:
        """Give the memory back as soon as the runs under way have ended."""
        self._session = None


@functools.cache  # once for a process
def _load_cuda() -> None:
    """Load the libraries of CUDA that packages have brought; the system's are found without."""
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does not find
        onnxruntime.preload_dlls()


def _session_options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    # A thread that waits must not take the processor from one that decodes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    # Both keep the memory of the longest utterance for ever and, measured, save no time here:
    # every utterance has another length.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = ERRORS_ONLY
    return options
