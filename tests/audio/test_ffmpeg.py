from __future__ import annotations

import re

import av
import pytest

from scribewire.audio.ffmpeg import CODECS, library_versions


def test_the_libraries_that_decode_are_named_with_their_versions() -> None:
    assert re.fullmatch(
        r"PyAV [\d.]+ with libavformat \d+\.\d+\.\d+, libavcodec \d+\.\d+\.\d+",
        library_versions(),
    )


@pytest.mark.parametrize("name", sorted(CODECS))
def test_what_is_decoded_here_is_sound(name: str) -> None:
    assert av.Codec(name, "r").type == "audio"
