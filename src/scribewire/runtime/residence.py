"""Bring models into memory when they are first needed, without holding up the event loop.

Theory of operation. Each load has a thread of its own, once however many sessions wait for it. What
the machine takes for the engine's finals is measured there too, before anybody is told. A load that
failed is forgotten once all who waited have been told, and whoever asks next tries anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from threading import Thread
from typing import TYPE_CHECKING

from scribewire.engines.on_demand import OnDemandEngine
from scribewire.errors import ModelFault
from scribewire.log_line import LogLine
from scribewire.runtime.self_measurement import measure_costs

if TYPE_CHECKING:
    from collections.abc import Callable

    from scribewire.engines.engines import Engines
    from scribewire.engines.protocols import SpeechEngine
    from scribewire.runtime.admission import CallCosts

_LOADED = "= model {model}: loaded in {took_s:.1f} s; a typical final takes {final_ms:.0f} ms here"
CLOSE_PATIENCE_S = 5.0  # for a load under way when the server stops

_log = logging.getLogger("scribewire.engines")


class Residence:
    """Load the models of engines when sessions ask for them.

    Belongs to an event loop's thread. `learn` is called on it with what an engine's streams cost,
    before those who wait for the engine go on.
    """

    def __init__(self, engines: Engines, learn: Callable[[SpeechEngine, CallCosts], None]) -> None:
        self._engines = engines
        self._learn = learn
        self._bringing: dict[SpeechEngine, asyncio.Future[None]] = {}

    def bring(self, speech: SpeechEngine) -> asyncio.Future[None] | None:
        """Return what is done once the engine can be asked; None if it can be now.

        It may end in a ModelFault. It is shared: nobody may cancel it.
        """
        if speech in self._bringing:
            return self._bringing[speech]
        if not isinstance(speech, OnDemandEngine) or speech.is_resident:
            return None
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._bringing[speech] = done

        def load() -> None:
            outcome = self._load(speech)
            with contextlib.suppress(RuntimeError):  # a loop that ended has nobody waiting
                loop.call_soon_threadsafe(self._tell, speech, outcome)

        _log.info(LogLine("model_loading", "= model {model}: loading", model=speech.model.name))
        Thread(target=load, name=f"load-{speech.model.name}", daemon=True).start()
        return done

    def is_bringing(self, speech: SpeechEngine) -> bool:
        """Tell whether the model of an engine is being loaded at this moment."""
        return speech in self._bringing

    async def aclose(self, patience_s: float = CLOSE_PATIENCE_S) -> None:
        """Wait for what is being loaded; what takes longer is left behind."""
        if self._bringing:
            await asyncio.wait(self._bringing.values(), timeout=patience_s)

    def _load(self, speech: OnDemandEngine) -> CallCosts | ModelFault:
        """Load and measure, in a thread of its own."""
        name, began_at = speech.model.name, time.monotonic()
        try:
            speech.load()
            costs = measure_costs(self._engines, (speech,))[speech]
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to those who wait
            return _explain(speech, error)
        took_s, final_ms = time.monotonic() - began_at, costs.final_s * 1000
        line = LogLine("model_loaded", _LOADED, model=name, took_s=took_s, final_ms=final_ms)
        _log.info(line)
        return costs

    def _tell(self, speech: SpeechEngine, outcome: CallCosts | ModelFault) -> None:
        done = self._bringing.pop(speech)
        if isinstance(outcome, ModelFault):
            done.set_exception(outcome)
            done.exception()  # who asked may have gone: then nobody takes it
        else:
            self._learn(speech, outcome)
            done.set_result(None)


def _explain(speech: OnDemandEngine, error: Exception) -> ModelFault:
    """Say once in the log why a load failed, and return it for those who wait."""
    name = speech.model.name
    if speech.is_closed:
        words = "= model {model}: not loaded, the server has stopped"
        _log.info(LogLine("model_not_loaded", words, model=name))
        return ModelFault(f"model {name} was not loaded: {error}")
    if isinstance(error, ModelFault):
        told = str(error) if f"model {name}" in str(error) else f"model {name}: {error}"
        _log.error(LogLine("model_failed", "! {error}", error=told, model=name))
        return error
    line = LogLine("model_failed", "! model {model}: {error}", model=name, error=error)
    _log.error(line, exc_info=error)
    return ModelFault(f"model {name} cannot be loaded: {type(error).__name__}: {error}")
