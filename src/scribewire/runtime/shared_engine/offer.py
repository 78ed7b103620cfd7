"""What an engine process has, and whether a server may use it: said by each at the beginning.

A server decides by the traits and the calibration of a model what it asks, and by what it believes
the answers. So those of the two must be the same, and the version, which says what is behind them.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from scribewire import __version__
from scribewire.engines.served import name_of
from scribewire.errors import ServerFault
from scribewire.runtime import parcel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scribewire.engines.protocols import SpeechEngine

PROTOCOL: Final = 2
"""One more with each change of frames.py."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What an engine process says of itself."""

    version: str
    """Of Scribewire."""
    capacity: int
    """How many batches run side by side."""
    credit: int
    """How many calls of its streams one server may have there at a time, and one of its own."""
    models: Mapping[str, Mapping[str, object]]
    """What is to be the same of each, by its name."""
    voices: str | None
    """What tells voices apart; None: nothing does."""

    def told(self) -> dict[str, object]:
        """Return it as it is said."""
        return {"protocol": PROTOCOL, "parcel": parcel.VERSION, **asdict(self)}


def describe_model(engine: SpeechEngine) -> dict[str, object]:
    """Return what a server and an engine process must agree on, as JSON has it."""
    traits = asdict(engine.traits)
    del traits["device"]  # where it runs is the engine process's own affair
    traits["languages"] = sorted(engine.traits.languages)
    described = {"traits": traits, "calibration": asdict(engine.calibration)}
    read: dict[str, object] = json.loads(json.dumps(described))
    return read


def describe_models(engines: Iterable[SpeechEngine]) -> dict[str, dict[str, object]]:
    """Return the same of several, by name."""
    return {name_of(engine): describe_model(engine) for engine in engines}


def read_offer(told: Mapping[str, object]) -> Offer:
    """Return what an engine process said. Raises ServerFault where it is another version."""
    check_version(told, "the engine process")
    match told:
        case {
            "version": str() as version,
            "capacity": int() as capacity,
            "credit": int() as credit,
            "models": dict() as models,
            "voices": str() | None as voices,
        } if capacity > 0 and credit > 0:
            return Offer(
                version=version, capacity=capacity, credit=credit, models=models, voices=voices
            )
    raise ServerFault("the engine process does not say what it has")


def check_version(told: Mapping[str, object], who: str) -> None:
    """Raise ServerFault unless the other end is of our own version."""
    theirs = (told.get("version"), told.get("protocol"), told.get("parcel"))
    if theirs != (__version__, PROTOCOL, parcel.VERSION):
        raise ServerFault(
            f"{who} is Scribewire {theirs[0]!s:.40}, and this is {__version__}: run one version "
            "of both, and restart the engine process after an update"
        )


def check_models(offer: Offer, wanted: Mapping[str, Mapping[str, object]]) -> None:
    """Raise ServerFault unless a server's models are there, and the same to the last number."""
    for name, ours in wanted.items():
        theirs = offer.models.get(name)
        if theirs is None:
            known = ", ".join(sorted(offer.models)) or "none"
            raise ServerFault(
                f"the engine process has no model {name}, but {known}: give both the same "
                "--model, --languages and --model-dir"
            )
        if theirs != ours:
            raise ServerFault(
                f"model {name} is another in the engine process: {_difference(ours, theirs)}"
            )


def _difference(ours: object, theirs: object, at: str = "") -> str:
    if isinstance(ours, dict) and isinstance(theirs, dict) and ours.keys() == theirs.keys():
        for key, value in ours.items():
            if value != theirs[key]:
                return _difference(value, theirs[key], f"{at}.{key}" if at else str(key))
    return f"{at or 'it'} is {ours!s:.60} here, {theirs!s:.60} there"
