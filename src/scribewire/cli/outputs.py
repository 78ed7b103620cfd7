"""Where transcripts go: standard output, or files that take their names once they are whole.

A transcript is written to NAME.part beside its place, and renamed when it is complete, so a good
file is never replaced by half of one. What came of a transcription that failed stays in the part.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import unquote, urlsplit

from scribewire.cli.exits import CommandFault, ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import TextIO

    from scribewire.cli.captions import TranscriptFormat

SUFFIXES: Final[Mapping[TranscriptFormat, str]] = {
    "text": ".txt",
    "srt": ".srt",
    "vtt": ".vtt",
    "json": ".json",
}


def format_of(output: str | None) -> TranscriptFormat:
    """Return the format that a file's name asks for: text, unless it is another's."""
    suffix = Path(output or "").suffix.lower()
    named = [kind for kind, one in SUFFIXES.items() if one == suffix]
    return named[0] if named else "text"


def place_outputs(
    sources: Sequence[str], output: str | None, kind: TranscriptFormat
) -> list[Path | None]:
    """Return the file of each source's transcript; None: standard output.

    Raises CommandFault where two would have one file, or a file of the sources'.
    """
    if output is None or output == "-":
        return [None] * len(sources)
    folder = Path(output)
    if not (len(sources) > 1 or folder.is_dir() or output.endswith(os.sep)):
        return [_not_a_source(folder, sources)]
    if folder.exists() and not folder.is_dir():
        raise CommandFault(
            f"--output {output}: several inputs need a folder, and this is a file", ExitCode.USAGE
        )
    placed: dict[Path, str] = {}
    for source in sources:
        path = _not_a_source(folder / (_name_of(source) + SUFFIXES[kind]), sources)
        if path in placed:
            raise CommandFault(
                f"{placed[path]} and {source} would both be written to {path}: "
                "transcribe them into different folders",
                ExitCode.USAGE,
            )
        placed[path] = source
    return list(placed)


def _not_a_source(path: Path, sources: Sequence[str]) -> Path:
    if path.is_file() and any(Path(one).is_file() and path.samefile(one) for one in sources):
        raise CommandFault(f"--output: {path} is an input, and is kept", ExitCode.USAGE)
    return path


def _name_of(source: str) -> str:
    """Return what a source's transcript is called, without a folder or a suffix."""
    if source == "-":
        return "stdin"
    if "://" not in source:
        return Path(source).stem
    parts = urlsplit(source)  # never the query, nor what stands before the host
    return Path(unquote(parts.path)).stem or parts.hostname or "stream"


class FileOutput:
    """A file that is written under another name until `keep`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.part = path.with_name(path.name + ".part")
        # A device or a pipe is no place to rename to.
        self._is_plain = not path.exists() or path.is_file()
        self._is_kept = False

    def __enter__(self) -> Self:
        """Open it. Raises CommandFault where nothing can be written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            target = self.part if self._is_plain else self.path
            self.text = target.open("w", encoding="utf-8")
        except OSError as error:
            raise CommandFault(f"{self.path}: {error.strerror}") from error
        return self

    def keep(self) -> None:
        """Give the file its name: it is whole. Raises CommandFault when it cannot be."""
        try:
            self.text.close()
            if self._is_plain:
                self.part.replace(self.path.resolve())  # a link stays one
        except OSError as error:
            raise CommandFault(f"{self.path}: {error.strerror}") from error
        self._is_kept = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it, and remove a part with nothing in it."""
        if self._is_kept:
            return
        with contextlib.suppress(OSError):  # a full disk, which was told when it was written to
            self.text.close()
        if self._is_plain and self.part.exists() and not self.part.stat().st_size:
            self.part.unlink()

    @property
    def has_part(self) -> bool:
        """Whether something was left under the other name."""
        return self._is_plain and not self._is_kept and self.part.exists()


def standard_output() -> TextIO:
    """Return standard output, or raise CommandFault where it was closed before we began."""
    if sys.stdout is None:
        raise CommandFault("standard output is closed: open it, or give --output FILE")
    return sys.stdout


def leave_standard_output() -> None:
    """Forget what is still buffered for a reader or a disk that does not take it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
