"""`scribewire bench`: how many live streams this machine carries."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from scribewire.cli.exits import ExitCode
from scribewire.cli.options import Format, read_settings
from scribewire.types import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scribewire.capacity.latency import Distribution
    from scribewire.capacity.trials import Capacity, Trial

TICK_S = 0.5  # how often the bar moves: smooth enough, and nothing beside what is measured

IDLE_SHARE = 0.6  # of the cores: a server that is behind and uses less was kept from them


def bench(
    *,
    mode: Annotated[
        Mode, typer.Option("--type", help="What the sessions ask for, as in `transcribe`.")
    ] = "fast",
    output: Annotated[
        Format, typer.Option("--format", help="A table, or one JSON object with every number.")
    ] = "text",
) -> None:
    """Find out how many live streams this machine carries, in under two minutes.

    Starts a server of its own, lets more and more clients speak to it in real time over
    WebSockets, and tells the most that it carried. Needs no network and no files: the speech
    comes with the default model.

    A number of streams is carried when 95 of 100 utterances have their final within 1.5 s of the
    end of speech, partials come at most 1.5 s apart half of the time, 95 of 100 longer utterances
    are announced by one, and nothing falls behind.

    Settings of the environment apply: with SCRIBEWIRE_WORKERS=1 it tells what one thread carries.
    Whatever else runs on the machine is in the answer, so leave it alone meanwhile.
    """
    read_settings({})  # before a minute is spent with other ones than were meant
    try:
        capacity = asyncio.run(_probe(mode, sys.stderr))
    except KeyboardInterrupt:
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if output == "json":
        typer.echo(json.dumps(describe(capacity), indent=1))
    else:
        print_answer(capacity, sys.stdout)


async def _probe(mode: Mode, err: TextIO) -> Capacity:
    from scribewire.capacity.trials import measure_capacity

    with _progress(err) as (show, step):
        ticking = asyncio.create_task(_tick(step))
        try:
            return await measure_capacity(
                mode,
                on_trial=lambda streams: show(f"{_count(streams)} ..."),
                on_result=lambda trial: show(_sum_up(trial)),
            )
        finally:
            ticking.cancel()


async def _tick(step: Callable[[], None]) -> None:
    while True:
        step()
        await asyncio.sleep(TICK_S)


@contextlib.contextmanager
def _progress(err: TextIO) -> Iterator[tuple[Callable[[str], None], Callable[[], None]]]:
    """Give what shows a text, and what moves the bar; a text that is final ends without dots."""
    from scribewire.capacity.trials import EXPECTED_S
    from scribewire.cli.screen import is_terminal

    if not is_terminal(err):

        def show_line(text: str) -> None:
            if not text.endswith("..."):
                err.write(f"{text}\n")
                err.flush()

        yield show_line, lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(file=err, force_terminal=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, auto_refresh=False, transient=True) as progress:
        task = progress.add_task("loading the model ...", total=EXPECTED_S)
        began_s = time.monotonic()

        def show(text: str) -> None:
            if text.endswith("..."):
                progress.update(task, description=text, refresh=True)
            else:
                progress.console.print(text)

        def step() -> None:
            done_s = min(time.monotonic() - began_s, 0.99 * EXPECTED_S)
            progress.update(task, completed=done_s, refresh=True)

        yield show, step


def print_answer(capacity: Capacity, out: TextIO) -> None:
    """Print the table and what it means."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("streams", "carried", "final after speech, ms", "first partial, ms"):
        table.add_column(name, justify="right")
    for name in ("partials every, ms", "cores used", "memory, MB"):
        table.add_column(name, justify="right")
    for trial in sorted(capacity.trials, key=lambda trial: trial.streams):
        table.add_row(*_row(trial))
    console = Console(file=out, highlight=False, width=None if out.isatty() else 110)
    console.print(table)
    console.print(explain(capacity), soft_wrap=True)


def explain(capacity: Capacity) -> str:
    """Return the answer in words: the number, what stopped it, and how sure it is."""
    count = len(capacity.trials)
    cores = f"{capacity.cores} core{'s' if capacity.cores != 1 else ''}"
    lines = [f"\nThis machine ({cores}) carries {_about(capacity)} in `{capacity.mode}`."]
    worst = next((t for t in capacity.trials if t.streams == capacity.too_many), None)
    if worst is not None:
        reasons = "; ".join(one.what for one in worst.shortfalls)
        lines.append(f"Too many were {capacity.too_many}: {reasons}.")
        if worst.cores_used < IDLE_SHARE * capacity.cores:
            lines.append(
                f"The server had {worst.cores_used:.1f} of {cores} in that trial: if something "
                "else was running, stop it and measure again."
            )
    lines.append(
        f"Found in {capacity.wall_s:.0f} s with {count} trials of 15 s. Trials this short do not "
        "see a lag that grows slowly, and a second call may find another number: leave room, or "
        "measure for minutes as docs/capacity.md describes."
    )
    return "\n".join(lines)


def describe(capacity: Capacity) -> dict[str, object]:
    """Return the answer and every trial's numbers for a program."""
    return {
        "streams": capacity.streams,
        "too_many": capacity.too_many,
        "type": capacity.mode,
        "cores": capacity.cores,
        "seconds": round(capacity.wall_s, 1),
        "trials": [_describe_trial(trial) for trial in capacity.trials],
    }


def _describe_trial(trial: Trial) -> dict[str, object]:
    from dataclasses import asdict

    from scribewire.capacity.latency import distribution

    latencies = trial.latencies
    values = {
        "first_partial_ms": latencies.first_partial_ms,
        "word_to_partial_ms": latencies.word_to_partial_ms,
        "final_ms": latencies.final_ms,
        "speech_to_final_ms": latencies.speech_to_final_ms,
    }
    found = {name: distribution(some) for name, some in values.items()}
    return {
        "streams": trial.streams,
        "is_carried": not trial.shortfalls,
        "shortfalls": [one.what for one in trial.shortfalls],
        **{name: one and _rounded(asdict(one)) for name, one in found.items()},
        "partial_interval_ms": latencies.partial_interval_ms,
        "partial_coverage": latencies.partial_coverage,
        "cpu_s_per_audio_s": round(trial.cpu_s_per_audio_s, 4),
        "cores_used": round(trial.cores_used, 2),
        "rss_bytes": trial.rss_bytes,
    }


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 1) for name, value in values.items()}


def _row(trial: Trial) -> list[str]:
    from scribewire.capacity.latency import distribution

    final = distribution(trial.latencies.speech_to_final_ms)
    first = distribution(trial.latencies.first_partial_ms)
    interval = trial.latencies.partial_interval_ms
    return [
        str(trial.streams),
        "no" if trial.shortfalls else "yes",
        _median_and_p95(final),
        _median_and_p95(first),
        "-" if interval is None else str(interval),
        f"{trial.cores_used:.2f}",
        f"{trial.rss_bytes / 1e6:.0f}",
    ]


def _median_and_p95(found: Distribution | None) -> str:
    return "-" if found is None else f"{found.median:.0f}, p95 {found.p95:.0f}"


def _sum_up(trial: Trial) -> str:
    verdict = "; ".join(one.what for one in trial.shortfalls) or "carried"
    return f"{_count(trial.streams)}: {verdict}"


def _about(capacity: Capacity) -> str:
    if not capacity.streams:
        return "not one live stream"
    if capacity.too_many is None:
        return f"at least {_count(capacity.streams)}"
    if capacity.too_many - capacity.streams <= 1:
        return f"about {_count(capacity.streams)}"
    return f"between {capacity.streams} and {capacity.too_many - 1} live streams"


def _count(streams: int) -> str:
    return f"{streams} live stream{'' if streams == 1 else 's'}"
