"""How many live streams this machine carries, found in under two minutes.

Theory of operation. One stream alone tells what it costs in processor time, and that how many
might fit. From there a few trials of `TRIAL_S` seconds narrow it down, all on one server process.
Each trial says other speech, so that none profits from what chance gave another. A trial is
judged as a long load is, and also by the lag that is left when its streams end: in a few seconds
a queue that grows slowly shows there first. What grows more slowly than that is not seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scribewire.audio.local_decoder import read_audio
from scribewire.capacity.latency import Latencies, Window, add_up, distribution, measure_stream
from scribewire.capacity.load import ENGLISH, Source, run_load
from scribewire.capacity.monologue import Monologue, Recording, join_recordings
from scribewire.capacity.search import CapacitySearch, Shortfall, find_shortfalls, plan_starts
from scribewire.capacity.server_process import ADMIT_ALL, ServerProcess, run_server_process
from scribewire.capacity.utterances import SpokenUtterance, find_utterances
from scribewire.engines.families import DEFAULT_MODEL
from scribewire.engines.silero import SileroVad
from scribewire.models.catalog import SILERO_VAD
from scribewire.recognition.rules import endpoint_for
from scribewire.runtime.cores import available_cores
from scribewire.settings import Settings
from scribewire.types import Mode, ms_to_samples
from scribewire.wishes import Wishes

if TYPE_CHECKING:
    from scribewire.engines.protocols import VadEngine
    from scribewire.recognition.endpointer import EndpointRules
    from scribewire.types import Samples

RECORDINGS = ("two_cities.wav", "beckett.wav", "endgame_nagg_nell.wav")
PAD_MS = 200  # around each utterance that is cut out of them, so that no word loses its edges
TRIAL_S = 15.0  # in which all streams speak
SPREAD_S = 3.0  # over which they start
MOST_TRIALS = 4
PATIENCE_S = 4.0  # after the end of speech; what has not come then is late by any measure
END_LAG_MS = 1_500
FILLED = 0.9  # of the cores: where to look first; partials thin out, so more may fit
BUDGET_S = 118.0  # no trial begins that would not end before: two minutes were promised
EXPECTED_S = 15.0 + (MOST_TRIALS + 1) * (TRIAL_S + SPREAD_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """So many streams at once, and how it went."""

    streams: int
    latencies: Latencies
    cpu_s_per_audio_s: float
    """Of the server."""
    cores_used: float
    """By the server, on average."""
    rss_bytes: int
    """Of the server, at the end."""
    shortfalls: tuple[Shortfall, ...]
    """Why it was not carried; empty when it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """The answer, and what it rests on."""

    streams: int
    """The most that were carried."""
    too_many: int | None
    """The fewest that were not; None when every trial was carried."""
    mode: Mode
    cores: int
    """That this process may use."""
    trials: tuple[Trial, ...]
    """In the order they were made."""
    wall_s: float


async def measure_capacity(
    mode: Mode = "fast",
    *,
    on_trial: Callable[[int], None] = lambda _: None,
    on_result: Callable[[Trial], None] = lambda _: None,
) -> Capacity:
    """Load a server of our own until it is too much; calls back before and after each trial.

    Raises ServerFault or ModelFault when there is no server to load.
    """
    began_s = time.monotonic()
    vad = SileroVad.load(SILERO_VAD)
    recordings = find_recordings(vad)
    cores = available_cores()
    trials: list[Trial] = []
    async with run_server_process(ADMIT_ALL) as server:

        async def attempt(streams: int) -> Trial:
            on_trial(streams)
            trials.append(await _attempt(server, streams, recordings, vad, mode, len(trials)))
            on_result(trials[-1])
            return trials[-1]

        alone = await attempt(1)
        search = CapacitySearch(
            first=first_guess(alone, cores), carried=1, growth=1.5, most_trials=MOST_TRIALS
        )
        while not alone.shortfalls and (streams := search.next_streams()) is not None:
            if time.monotonic() - began_s + TRIAL_S + SPREAD_S + PATIENCE_S > BUDGET_S:
                break
            search.receive(streams, is_carried=not (await attempt(streams)).shortfalls)
    vad.close()
    return Capacity(
        streams=0 if alone.shortfalls else search.carried,
        too_many=1 if alone.shortfalls else search.refused,
        mode=mode,
        cores=cores,
        trials=tuple(trials),
        wall_s=time.monotonic() - began_s,
    )


def first_guess(alone: Trial, cores: int) -> int:
    """Return how many streams of the same cost would keep the cores busy."""
    return max(2, int(FILLED * cores / max(alone.cpu_s_per_audio_s, 0.001)))


def find_recordings(vad: VadEngine) -> list[Recording]:
    """Return the utterances of the recordings that come with the default model."""
    file = DEFAULT_MODEL.files[0]
    assets = Path(file.path).parent.parent
    distribution_ = metadata.distribution(file.distribution)
    utterances: list[Recording] = []
    for name in RECORDINGS:
        path = Path(str(distribution_.locate_file(str(assets / name))))
        samples = np.concatenate(list(read_audio(path)))
        utterances += map(Recording, cut_utterances(samples, vad))
    return utterances


def cut_utterances(samples: Samples, vad: VadEngine) -> list[Samples]:
    """Return each utterance of a recording, with a little of what surrounds it."""
    rules = _endpoint("fast")
    pad = ms_to_samples(PAD_MS)
    return [
        samples[max(0, ms_to_samples(one.start_ms) - pad) : ms_to_samples(one.end_ms) + pad]
        for one in find_utterances(samples, vad, rules)
    ]


async def _attempt(
    server: ServerProcess,
    streams: int,
    recordings: Sequence[Recording],
    vad: VadEngine,
    mode: Mode,
    number: int,
) -> Trial:
    speeches = [
        join_recordings(recordings, seconds=TRIAL_S + SPREAD_S, seed=1000 * number + stream)
        for stream in range(streams)
    ]
    starts = plan_starts(streams, spread_s=SPREAD_S)
    utterances = [_utterances_of(speech, vad, mode) for speech in speeches]
    before, began_s = await server.usage(), time.perf_counter()
    records = await run_load(
        replace(server.target, wishes=replace(ENGLISH, mode=mode)),
        [Source(pcm=s.pcm, starts_s=at) for s, at in zip(speeches, starts, strict=True)],
        patience_s=PATIENCE_S,
    )
    after, wall_s = await server.usage(), time.perf_counter() - began_s
    window = Window(starts[-1], TRIAL_S + SPREAD_S)
    pairs = zip(records, utterances, strict=True)
    latencies = add_up(measure_stream(record, one, window) for record, one in pairs)
    cpu_s = after.cpu_s - before.cpu_s
    return Trial(
        streams=streams,
        latencies=latencies,
        cpu_s_per_audio_s=cpu_s / (streams * (TRIAL_S + SPREAD_S)),
        cores_used=cpu_s / wall_s,
        rss_bytes=after.rss_bytes,
        shortfalls=(*find_shortfalls(latencies, mode=mode), *_left_behind(latencies)),
    )


def _utterances_of(speech: Monologue, vad: VadEngine, mode: Mode) -> tuple[SpokenUtterance, ...]:
    return find_utterances(speech.samples, vad, _endpoint(mode))


def _endpoint(mode: Mode) -> EndpointRules:
    """Return what ends utterances in the server, whose environment is this one."""
    return endpoint_for(Wishes(mode=mode), max_utterance_ms=Settings().max_utterance_ms)


def _left_behind(latencies: Latencies) -> tuple[Shortfall, ...]:
    lag = distribution(latencies.end_lags_ms)
    if lag is None or lag.p95 <= END_LAG_MS:
        return ()
    return (Shortfall(f"lag at the end {lag.p95:.0f} ms, allowed {END_LAG_MS}"),)
