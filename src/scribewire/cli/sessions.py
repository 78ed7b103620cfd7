"""`scribewire sessions`: what the journal of a server has, also while the server runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias

import typer

from scribewire.cli.exits import CommandFault, ExitCode
from scribewire.cli.options import Format, Given, read_settings, with_settings

if TYPE_CHECKING:
    from scribewire.cli.captions import TranscriptFormat
    from scribewire.journal.reader import JournaledSession

ExportFormat: TypeAlias = Literal["text", "txt", "srt", "vtt", "json", "jsonl"]
_SHAPES: Final[Mapping[ExportFormat, TranscriptFormat]] = {  # what `transcribe` calls them
    "text": "text",
    "txt": "text",
    "srt": "srt",
    "vtt": "vtt",
    "jsonl": "json",
}

sessions = typer.Typer(
    help="Look at the sessions in a server's journal, and write down what was said in them.",
    epilog="Example: scribewire sessions list --journal /var/lib/scribewire/journal",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

_SessionId: TypeAlias = Annotated[
    str, typer.Argument(metavar="ID", help="What names the session, as in `listening` and the log.")
]


@sessions.command("list")
@with_settings("journal")
def list_sessions(
    *,
    settings: Given,
    output: Annotated[
        Format, typer.Option("--format", help="Lines of text, or one JSON object.")
    ] = "text",
) -> None:
    """List the sessions, the oldest first.

    `complete` has all its finals; `dropped` ended before, since nobody
    waited for it any more; `drained` while its server went down in order;
    `failed` by a fault of the server; `cut off` when the server itself
    ended; `open` goes on.

    What cannot be read is told, and makes exit code 1.
    """
    from scribewire.cli.session_reports import describe, table
    from scribewire.journal.reader import read_sessions

    found = read_sessions(_folder(settings))
    if output == "json":
        typer.echo(json.dumps({"sessions": [describe(one) for one in found.sessions]}))
    else:
        typer.echo("\n".join(table(found.sessions)))
    problems = [*found.problems, *(words for one in found.sessions for words in one.problems)]
    raise typer.Exit(_tell_problems(problems))


@sessions.command()
@with_settings("journal")
def export(
    session_id: _SessionId,
    *,
    settings: Given,
    kind: Annotated[
        ExportFormat,
        typer.Option(
            "--format",
            help="Lines of text, subtitles, one JSON object, or (jsonl) the wire's messages, one "
            "a line.",
        ),
    ] = "text",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where to write.", show_default="standard output"
        ),
    ] = None,
    times: Annotated[
        bool, typer.Option("--times", help="With text: when each line begins.")
    ] = False,
    speakers: Annotated[
        bool, typer.Option("--speakers", help="With text and subtitles: who speaks.")
    ] = False,
) -> None:
    """Write what was said in a session, as `scribewire transcribe` would.

    Finals that are missing or damaged are told, and make exit code 1; the
    others are written all the same.
    """
    from scribewire.cli.session_reports import problems_of
    from scribewire.journal.reader import read_session

    if times and kind not in ("text", "txt"):
        told = "--times: only with --format text; the other formats have times"
        raise CommandFault(told, ExitCode.USAGE)
    session = read_session(_folder(settings), session_id)
    if session is None:
        raise CommandFault(f"no session {session_id} in the journal", ExitCode.USAGE)
    lines = _lines(session, kind, times=times, speakers=speakers)
    try:
        _write(lines, output)
    except BrokenPipeError:
        from scribewire.cli.outputs import leave_standard_output

        leave_standard_output()
    raise typer.Exit(_tell_problems(problems_of(session)))


def _lines(
    session: JournaledSession, kind: ExportFormat, *, times: bool, speakers: bool
) -> Iterable[str]:
    from scribewire.cli.captions import Captions
    from scribewire.cli.session_reports import describe_all
    from scribewire.protocol.results import as_result

    if kind == "json":
        yield json.dumps(describe_all(session), ensure_ascii=False)
        return
    captions = Captions(_SHAPES[kind], times=times, speakers=speakers)
    told = [as_result(one.final) for one in session.finals]
    pieces = [captions.begin(), *map(captions.receive, told), captions.finish()]
    yield from (piece for piece in pieces if piece is not None)


def _write(lines: Iterable[str], output: Path | None) -> None:
    from scribewire.cli.outputs import FileOutput, standard_output
    from scribewire.cli.screen import write_line

    with ExitStack() as stack:
        file = None if output is None else stack.enter_context(FileOutput(output))
        for line in lines:
            write_line(standard_output() if file is None else file.text, line)
        if file is not None:
            file.keep()


def _folder(given: Given) -> Path:
    folder = read_settings(given).journal
    if folder is None:
        told = "--journal or SCRIBEWIRE_JOURNAL: name the folder that the server writes"
        raise CommandFault(told, ExitCode.USAGE)
    return folder


def _tell_problems(problems: Iterable[str]) -> ExitCode:
    code = ExitCode.DONE
    for words in problems:
        print(f"scribewire: {words}", file=sys.stderr)  # noqa: T201 - it talks to a person
        code = ExitCode.FAILED
    return code
