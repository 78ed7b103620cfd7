"""Captions on whatever stdout and stderr are: a terminal that is redrawn, or plain lines.

Only one place of a terminal can be redrawn, so the live text and the progress bar share one: on
stdout if that is a terminal, else the bar alone on stderr if that is one. Where stdout is a pipe
there is no bar: what reads it (`less`, `tee`) most often writes to the same terminal.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Self

from scribewire.cli.captions import format_time
from scribewire.cli.exits import CommandFault
from scribewire.cli.outputs import leave_standard_output

if TYPE_CHECKING:
    from types import TracebackType
    from typing import TextIO

    from rich.console import Console, RenderableType

PROGRESS_STEPS = 200  # redraws of a whole file: smooth, and nothing beside the recognition


class Screen:
    """Prints lines for good, and keeps the live text and the progress below them.

    Use it as a context: what is only live is taken off the terminal at the end. Lines may raise
    BrokenPipeError once nobody reads stdout any more, and CommandFault where they cannot be kept.
    """

    def __init__(
        self,
        out: TextIO,
        err: TextIO,
        *,
        duration_ms: int | None = None,
        title: str = "",
        has_live_text: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        self._out = out
        self._err = err
        self._duration_ms = duration_ms if is_terminal(err) else None
        self._title = title  # of the progress: which file of how many
        self._has_live_text = has_live_text  # False: the lines are for programs
        self._is_out = is_terminal(out)
        self._text = ""  # what is being said
        self._done_ms = 0  # of the duration
        self._step = 0  # of PROGRESS_STEPS, as drawn
        self._console: Console | None = None  # where things are redrawn, if anywhere
        if self._is_out and (has_live_text or self._duration_ms):
            self._console = _open_console(out, size)
        elif not self._is_out and self._duration_ms and not is_pipe(out):
            self._console = _open_console(err, size)

    def __enter__(self) -> Self:
        """Begin to draw."""
        if self._console is not None:
            from rich.live import Live

            self._live = Live(
                self._draw(),
                console=self._console,
                auto_refresh=False,  # else it starts a thread
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start(refresh=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take off what is only live."""
        if self._console is not None:
            self._live.stop()

    def show(self, line: str | None, live_text: str) -> None:
        """Print a line for good, if there is one, and replace the live text."""
        is_redrawn = self._console is not None and self._is_out
        self._text = live_text
        if line is not None and not is_redrawn:
            write_line(self._out, line)
        if not is_redrawn:
            return
        if line is not None:
            self._print_above(line)
        self._redraw()

    def tell(self, words: str) -> None:
        """Print a line that is not of the transcript, on stderr, around what is redrawn."""
        line = f"scribewire: {words}"
        if self._console is None or not is_terminal(self._err):
            self._err.write(line + "\n")
            self._err.flush()
            return
        self._print_above(line)
        self._redraw()

    def show_progress(self, done_ms: int) -> None:
        """Move the progress bar, when there is one."""
        if not self._duration_ms or self._console is None:
            return
        self._done_ms = min(done_ms, self._duration_ms)
        step = self._done_ms * PROGRESS_STEPS // self._duration_ms
        if step != self._step:
            self._step = step
            self._redraw()

    def _print_above(self, line: str) -> None:
        from rich.text import Text

        assert self._console is not None
        self._live.update(Text(""), refresh=True)  # else the line is drawn over the old picture
        # Lines for programs stay whole; only people's text is broken between words.
        self._console.print(Text(line), soft_wrap=not self._has_live_text)

    def _redraw(self) -> None:
        self._live.update(self._draw(), refresh=True)

    def _draw(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        assert self._console is not None
        parts: list[RenderableType] = []
        if self._text and self._is_out:
            wrapped = Text(self._text, style="dim").wrap(self._console, self._console.width)
            parts += list(wrapped)[-max(1, self._console.height - 2) :]  # the latest words
        if self._duration_ms:
            row = _draw_progress(self._done_ms, self._duration_ms, self._console.width, self._title)
            parts.append(row)
        return Group(*parts)


def is_terminal(stream: TextIO) -> bool:
    """Tell whether a person looks at the stream, on something that can be redrawn."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def is_pipe(stream: TextIO) -> bool:
    """Tell whether another program reads the stream."""
    try:
        mode = os.fstat(stream.fileno()).st_mode
    except OSError:  # it has no descriptor
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def write_line(out: TextIO, line: str) -> None:
    """Write a line at once. Raises BrokenPipeError, and CommandFault where it cannot be kept."""
    try:
        out.write(line + "\n")
        out.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        name = getattr(out, "name", "<stdout>")
        place = "standard output" if name == "<stdout>" else str(name).removesuffix(".part")
        if name == "<stdout>":
            leave_standard_output()  # else it fails once more at exit
        raise CommandFault(f"{place}: {error.strerror}") from error


def _open_console(stream: TextIO, size: tuple[int, int] | None) -> Console:
    from rich.console import Console

    width, height = size or (None, None)
    return Console(file=stream, force_terminal=True, width=width, height=height, highlight=False)


def _draw_progress(done_ms: int, duration_ms: int, width: int, title: str) -> RenderableType:
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    row = Table.grid(padding=(0, 1))
    bar = ProgressBar(duration_ms, done_ms, width=max(10, min(40, width - 20 - len(title))))
    # Text: what stands in brackets in a file's name is no markup.
    row.add_row(*([Text(title)] if title else []), bar, _describe(done_ms, duration_ms))
    return row


def _describe(done_ms: int, duration_ms: int) -> str:
    return f"{format_time(done_ms)} of {format_time(duration_ms)}"
