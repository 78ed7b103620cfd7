"""Every source of one call to its transcript, one after the other.

One source that fails does not take the others along: it is told, and the exit code tells it
again. A server that lets nobody in, or a standard output that takes nothing, ends them all.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from scribewire.cli.captions import Captions
from scribewire.cli.exits import CommandFault, ExitCode
from scribewire.cli.inputs import Inputs, Order, is_url
from scribewire.cli.outputs import FileOutput, leave_standard_output, standard_output
from scribewire.errors import ScribewireError

if TYPE_CHECKING:
    from pathlib import Path

    from scribewire.wishes import Wishes

_FOR_ALL = (ExitCode.KEY_REFUSED, ExitCode.UNREACHABLE)


def run_order(order: Order) -> ExitCode:
    """Write down everything that was asked for. Raises CommandFault or a ScribewireError."""
    if None in order.outputs:
        standard_output()
    try:
        return asyncio.run(_transcribe_all(order))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read stdout has had enough; what is still buffered must not be complained about.
        leave_standard_output()
        return ExitCode.DONE


async def _transcribe_all(order: Order) -> ExitCode:
    is_several = len(order.sources) > 1
    ended = ExitCode.DONE
    with Inputs(order) as inputs:
        for number, (source, path) in enumerate(zip(order.sources, order.outputs, strict=True)):
            title = f"{number + 1}/{len(order.sources)} {_short(source)}" if is_several else ""
            if is_several and path is None:
                _head(source, is_first=number == 0)
            code = await _transcribe_and_go_on(order, inputs, source, path, title)
            if code is ExitCode.INTERRUPTED:
                return code
            ended = ended or code
    return ended


async def _transcribe_and_go_on(
    order: Order, inputs: Inputs, source: str, path: Path | None, title: str
) -> ExitCode:
    """As `_transcribe_one`, but among several a fault of one is told here."""
    try:
        return await _transcribe_one(order, inputs, source, path, title)
    except (CommandFault, ScribewireError) as fault:
        if not title or _is_for_all(fault, path):
            raise
        _tell(_with_name(str(fault), source))
        return ExitCode.FAILED


def _is_for_all(fault: CommandFault | ScribewireError, path: Path | None) -> bool:
    is_refused = isinstance(fault, CommandFault) and fault.code in _FOR_ALL
    return is_refused or (path is None and str(fault).startswith("standard output"))


async def _transcribe_one(
    order: Order, inputs: Inputs, source: str, path: Path | None, title: str
) -> ExitCode:
    from scribewire.cli.screen import Screen
    from scribewire.cli.transcription import run_transcription

    captions = Captions(order.kind, times=order.times, speakers=order.wishes.speakers)
    async with inputs.open(source, _wishes_for(order, path)) as stream:
        if order.partials:
            _tell_of_partials(order, source, is_endless=stream.source.duration_ms is None)
        with ExitStack() as stack:
            file = None if path is None else _open_file(path, stack)
            screen = Screen(
                standard_output() if file is None else file.text,
                sys.stderr,
                duration_ms=stream.source.duration_ms,
                title=title,
                has_live_text=order.kind == "text",
            )
            with screen:
                code = await run_transcription(
                    stream.source.chunks, stream.transcriber, captions, screen
                )
            if file is not None and _is_whole(code, source, stream.source.duration_ms):
                file.keep()
    if code is ExitCode.DONE and not captions.has_speech:
        typer.echo(_with_name("no speech heard", source) if title else "no speech heard", err=True)
    return code


def _open_file(path: Path, stack: ExitStack) -> FileOutput:
    file = FileOutput(path)
    stack.callback(_tell_of_part, file)  # after it is closed
    return stack.enter_context(file)


def _wishes_for(order: Order, path: Path | None) -> Wishes:
    """Ask for partials only if anybody would see them: without, their decoding is saved."""
    from scribewire.cli.screen import is_terminal

    is_live = order.kind == "text" and path is None and is_terminal(sys.stdout)
    return replace(order.wishes, partials=order.partials or is_live)


def _is_whole(code: ExitCode, source: str, duration_ms: int | None) -> bool:
    """Tell whether a transcript is complete; what has no end of its own is ended by Ctrl-C."""
    is_endless = source in ("-", "mic") or (is_url(source) and duration_ms is None)
    return code is ExitCode.DONE or is_endless


def _tell_of_part(file: FileOutput) -> None:
    if file.has_part:
        _tell(f"what was heard until then is in {file.part}; {file.path} is as it was")


def _tell_of_partials(order: Order, source: str, *, is_endless: bool) -> None:
    if order.pace == "realtime" or source == "mic" or (is_url(source) and is_endless):
        return
    _tell(
        "--partials: what is read faster than it plays has few partials or none; "
        "for those of a live stream give --pace realtime"
    )


def _head(source: str, *, is_first: bool) -> None:
    """Say whose text follows, as `head` and `tail` do."""
    from scribewire.cli.screen import write_line

    space = "" if is_first else "\n"
    write_line(standard_output(), f"{space}==> {_short(source)} <==")


def _short(source: str) -> str:
    """Return a source's name without what a URL may keep secret."""
    if is_url(source):
        from urllib.parse import urlsplit

        parts = urlsplit(source)
        return f"{parts.scheme}://{parts.hostname}{parts.path}"
    return source


def _with_name(words: str, source: str) -> str:
    name = _short(source)
    return words if words.startswith(name) else f"{name}: {words}"


def _tell(words: str) -> None:
    typer.echo(f"scribewire: {words}", err=True)
