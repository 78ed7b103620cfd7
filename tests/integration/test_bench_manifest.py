import json
from pathlib import Path

import numpy as np
import pytest

from bench.manifest import NO_SPEECH, SPEECH_GROUPS, Clip, read_manifest, read_pcm
from tests.parts.wav import wav

ROW = {
    "id": "one",
    "file": "clips/one.flac",
    "language": "en",
    "text": "hello there",
    "seconds": 2.5,
    "tags": ["read"],
    "ref_quality": "human",
    "derived": False,
    "speaker": "anna",
}


def read_one(tmp_path: Path, **changes: object) -> Clip:
    path = tmp_path / "manifest.jsonl"
    path.write_text(json.dumps(ROW | changes) + "\n", "utf-8")
    (clip,) = read_manifest(path)
    return clip


def test_a_line_of_the_manifest_becomes_a_clip_beside_it(tmp_path: Path) -> None:
    clip = read_one(tmp_path)

    assert clip == Clip(
        id="one",
        path=tmp_path / "clips/one.flac",
        language="en",
        reference="hello there",
        seconds=2.5,
        tags=frozenset({"read"}),
        ref_quality="human",
        is_derived=False,
        speaker="anna",
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"ref_quality": "published"}, True),
        ({"seconds": 0.5}, True),
        ({"seconds": 30.0}, True),
        ({"seconds": 0.4}, False),
        ({"seconds": 30.1}, False),
        ({"language": "nl"}, False),
        ({"ref_quality": "asr"}, False),
        ({"ref_quality": "asr-checked"}, False),
        ({"text": None}, False),
        ({"text": ""}, False),
        ({"tags": ["no-speech"]}, False),
    ],
)
def test_only_english_clips_with_a_trusted_reference_are_scored(
    tmp_path: Path, changes: dict[str, object], *, expected: bool
) -> None:
    assert read_one(tmp_path, **changes).is_scorable is expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["core"]),
        ({"tags": ["librispeech"]}, ["core", "librispeech"]),
        ({"tags": ["noisy"], "derived": True}, ["noisy"]),
        ({"tags": ["telephone-8k"], "derived": True}, ["telephone-8k"]),
        ({"tags": ["very-quiet", "librispeech"]}, ["librispeech", "very-quiet"]),
        ({"tags": ["noisy"], "ref_quality": "asr"}, []),
        ({"tags": ["no-speech"], "language": "none", "text": "", "seconds": 141.9}, ["no-speech"]),
        ({"tags": ["no-speech"], "ref_quality": "none", "text": None}, ["no-speech"]),
    ],
)
def test_a_clip_is_reported_in_every_group_it_belongs_to(
    tmp_path: Path, changes: dict[str, object], expected: list[str]
) -> None:
    clip = read_one(tmp_path, **changes)

    groups = (*SPEECH_GROUPS, NO_SPEECH)

    assert [group.name for group in groups if group.clips_of([clip])] == expected


@pytest.mark.parametrize("line", ["{", "[]", '{"id": "one"}', '{"id": '])
def test_a_broken_line_is_named_with_its_number(tmp_path: Path, line: str) -> None:
    path = tmp_path / "manifest.jsonl"
    path.write_text(f"{json.dumps(ROW)}\n\n{line}\n", "utf-8")

    with pytest.raises(ValueError, match=r"manifest\.jsonl line 3: no usable clip"):
        read_manifest(path)


def test_audio_is_read_as_the_wire_carries_it(tmp_path: Path) -> None:
    pcm = np.array([0, 1, -1, 32767, -32768, 1234], "<i2").tobytes()
    path = tmp_path / "one.wav"
    path.write_bytes(wav(pcm))

    assert read_pcm(path) == pcm
