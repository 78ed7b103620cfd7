"""One load on one system, and everything that was measured of it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bench.live_speech import Speech, Speeches
from bench.scoring import WordErrors, count_errors
from scribewire.capacity.latency import Latencies, Window, add_up, measure_stream
from scribewire.capacity.load import Source, StreamRecord, push, run_load
from scribewire.capacity.search import Shortfall, find_shortfalls, plan_starts
from scribewire.capacity.server_process import run_server_process
from scribewire.protocol.results import FinalResult
from scribewire.types import SAMPLE_RATE
from scribewire.wishes import Wishes

OURS = "scribewire"
SPREAD_S = 10.0  # over which the streams start: longer than most utterances, so they do not meet


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What all loads of one call have in common."""

    wishes: Wishes
    seconds: float
    """In which all streams speak; each is `SPREAD_S` longer."""
    environment: Mapping[str, str]
    """Settings of the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRun:
    """What a load has shown."""

    system: str
    streams: int
    seconds: float
    latencies: Latencies
    cpu_s_per_audio_s: float
    """Of the process that recognizes."""
    client_cpu_s_per_audio_s: float | None
    """Of the clients; None where they share the process."""
    outside_engines: float | None
    """The share of its processor time that was not spent inside models; None when not told."""
    peak_rss_bytes: int
    words: WordErrors
    differing_streams: tuple[str, ...] | None
    """The first final that is not as it is alone, of each stream that has one; None when not
    compared."""
    shortfalls: tuple[Shortfall, ...]
    """Why the load was not carried; empty when it was."""
    texts: tuple[str, ...] = field(default=(), repr=False)
    """What each stream was heard to say."""


async def run_ours(
    streams: int, speeches: Speeches, conditions: Conditions, *, is_compared: bool = True
) -> LiveRun:
    """Load a fresh server with so many streams."""
    chosen = speeches.first(streams)
    starts = plan_starts(streams, spread_s=SPREAD_S)
    async with run_server_process(conditions.environment) as server:
        target = replace(server.target, wishes=conditions.wishes)
        await push(target, bytes(2 * SAMPLE_RATE))  # a model is loaded when it is first asked for
        before, client_before = await server.usage(), time.process_time()
        records = await run_load(
            target,
            [Source(pcm=s.pcm, starts_s=at) for s, at in zip(chosen, starts, strict=True)],
        )
        client_cpu_s = time.process_time() - client_before
        after = await server.usage()
    cpu_s = after.cpu_s - before.cpu_s
    audio_s = streams * speeches.seconds
    latencies = measure(records, chosen, Window(starts[-1], speeches.seconds))
    return LiveRun(
        system=OURS,
        streams=streams,
        seconds=conditions.seconds,
        latencies=latencies,
        cpu_s_per_audio_s=cpu_s / audio_s,
        client_cpu_s_per_audio_s=client_cpu_s / audio_s,
        outside_engines=1 - (after.engine_cpu_s - before.engine_cpu_s) / cpu_s
        if conditions.wishes.language == "en"
        else None,  # only onnxruntime's calls are metered
        peak_rss_bytes=after.peak_rss_bytes,
        words=count_words(records, chosen),
        differing_streams=await _find_differing(records, speeches, conditions)
        if is_compared
        else None,
        shortfalls=find_shortfalls(latencies, mode=conditions.wishes.mode),
        texts=tuple(map(text_of, records)),
    )


def measure(
    records: Sequence[StreamRecord], speeches: Sequence[Speech], window: Window
) -> Latencies:
    """Judge every stream of a load."""
    pairs = zip(records, speeches, strict=True)
    return add_up(measure_stream(record, one.utterances, window) for record, one in pairs)


def text_of(record: StreamRecord) -> str:
    """Return what a stream was heard to say."""
    return " ".join(final.text for final in record.finals if final.text)


def count_words(records: Sequence[StreamRecord], speeches: Sequence[Speech]) -> WordErrors:
    """Compare what was heard with what was said, over all streams."""
    pairs = zip(records, speeches, strict=True)
    errors = (
        count_errors(one.monologue.text, text_of(record), one.language) for record, one in pairs
    )
    return sum(errors, WordErrors())


async def _find_differing(
    records: Sequence[StreamRecord], speeches: Speeches, conditions: Conditions
) -> tuple[str, ...]:
    """Return, for each stream that was heard otherwise, the first final and what it is alone."""
    alone = await speeches.finals_alone(
        len(records),
        speakers=conditions.wishes.speakers,
        environment=conditions.environment,
    )
    pairs = zip(records, alone, strict=True)
    found = (find_difference(record.finals, finals) for record, finals in pairs)
    return tuple(difference for difference in found if difference is not None)


def find_difference(heard: Iterable[FinalResult], alone: Iterable[FinalResult]) -> str | None:
    """Return the first final that differs; None when all are the same.

    One without text only takes back a partial, so it comes where a partial was shown.
    """
    with_text = [[final for final in finals if final.text] for finals in (heard, alone)]
    for one, other in itertools.zip_longest(*with_text):
        if one != other:
            return f"{one} alone {other}"
    return None
