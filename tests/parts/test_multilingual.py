from __future__ import annotations

from dataclasses import replace
from unittest import SkipTest

import pytest

from scribewire.engines.whisper.family import WHISPER_BASE
from scribewire.engines.whisper.weights import check_folder
from tests.parts.installed import NEEDS_PARTS, PartMissing
from tests.parts.multilingual import need_whisper, whisper_base

NOBODYS = replace(WHISPER_BASE, carriers=(replace(WHISPER_BASE.carriers[0], files=()),))


@pytest.mark.slow
def test_the_installed_model_can_be_loaded() -> None:
    with whisper_base() as folder:
        found = check_folder(folder)

    assert found.n_mels == 80
    assert found.languages > WHISPER_BASE.languages


def test_where_it_is_not_installed_the_test_is_skipped() -> None:
    with pytest.raises(SkipTest, match="model whisper-base: "):
        need_whisper(NOBODYS, environment={})


def test_in_continuous_integration_it_fails() -> None:
    with pytest.raises(PartMissing, match="model whisper-base: "):
        need_whisper(NOBODYS, environment={NEEDS_PARTS: "1"})
