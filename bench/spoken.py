"""What is spoken in a bench, and which engine decodes it.

A bench that knows one speech engine alone is given engines of which only that one is left.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from scribewire.engines.families import FAMILIES
from scribewire.engines.loader import load_engines
from scribewire.engines.on_demand import OnDemandEngine
from scribewire.models.cache import ModelCache
from scribewire.models.joined import joined_model
from scribewire.wishes import AUTO

if TYPE_CHECKING:
    from scribewire.engines.engines import Engines
    from scribewire.engines.protocols import SpeechEngine
    from scribewire.models.catalog import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """The languages of one run."""

    languages: tuple[str, ...] = ("en",)
    """ISO 639-1 codes; `auto` leaves it to the engine."""
    is_multilingual: bool = False
    """Whether the engine of several languages decodes them, even those that have one of their own.
    """

    def engine(self, engines: Engines) -> SpeechEngine:
        """Return the one that decodes all of them; ends the program where there is none."""
        found = {self._engine_of(language, engines) for language in self.languages}
        if len(found) > 1:
            sys.exit(f"{', '.join(self.languages)}: several engines; name --multilingual for one")
        return found.pop()

    @property
    def model(self) -> Model:
        """The one that engine runs; ends the program where there is none."""
        is_multilingual = self.is_multilingual or AUTO in self.languages
        named = set(self.languages) - {AUTO}
        for model in (model for family in FAMILIES for model in family.models):
            if named <= model.languages and len(model.languages) > int(is_multilingual):
                return model
        sys.exit(f"{', '.join(self.languages)}: no model has all of them")

    def _engine_of(self, language: str, engines: Engines) -> SpeechEngine:
        if not self.is_multilingual and language != AUTO:
            return engines.speech_for(language, "fast")
        for engine in engines.speech:
            if engine.traits.tells_language:
                return engine
        sys.exit(f"{language}: no engine of several languages is installed")


def add_spoken_options(parser: argparse.ArgumentParser) -> None:
    """Let the command line say what is spoken."""
    parser.add_argument(
        "--languages",
        type=lambda text: tuple(text.split(",")),
        default=("en",),
        help="what is spoken: nl or nl,fr; auto where the engine finds out",
    )
    parser.add_argument(
        "--multilingual",
        action="store_true",
        help="decode English too with the engine of several languages",
    )


def read_spoken(options: argparse.Namespace) -> Spoken:
    """Return what the command line says."""
    return Spoken(languages=options.languages, is_multilingual=options.multilingual)


@contextmanager
def find_weights(given: Path | None) -> Iterator[Path]:
    """Give the folder that a peer takes the weights of several languages from.

    Where none is given, it is that of our own model.
    """
    if given is not None:
        yield given
        return
    with joined_model(Spoken(is_multilingual=True).model, None, ModelCache()) as folder:
        yield folder


def load_spoken(spoken: Spoken) -> Engines:
    """Load the engines, of which only the one that decodes is left, with its model loaded."""
    engines = load_engines()
    chosen = spoken.engine(engines)
    for other in engines.speech:
        if other is not chosen:
            other.close()
    loaded = chosen.load() if isinstance(chosen, OnDemandEngine) else chosen
    return replace(engines, speech=(loaded,))
