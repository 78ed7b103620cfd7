"""Whisper base as it is installed, for tests that must hear what is said.

Where it is not, a test that needs it is skipped with the reason, or fails, as for other parts. What
needs no sense can be tried on `tiny_whisper`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from scribewire.engines.whisper.family import WHISPER, WHISPER_BASE
from scribewire.models.cache import ModelCache
from scribewire.models.catalog import Model
from scribewire.models.joined import joined_model
from tests.parts.installed import PartMissing, skip_or_fail


def need_whisper(
    model: Model = WHISPER_BASE, *, environment: Mapping[str, str] = os.environ
) -> None:
    """Skip the test that calls this where the model is not there; fail it where all are needed."""
    missing = WHISPER.why_missing(model, None)
    if missing is not None:
        skip_or_fail(PartMissing(missing), environment)


@contextmanager
def whisper_base() -> Iterator[Path]:
    """Give the folder of the model, joined once in a run of the tests."""
    need_whisper()
    with joined_model(WHISPER_BASE, None, ModelCache()) as folder:
        yield folder
