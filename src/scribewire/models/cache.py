"""Files that are made once from a model's files, and kept in the user's cache folder.

Theory of operation. An entry is a folder named by what it was made from; its `digests.json` is
written last, and an entry counts only while every digest in it is right. A maker works in a
folder of its own beside the entries, then moves file by file into place, each by one rename.
Two processes that make the same entry at once write the same bytes, so whichever rename comes
last changes nothing, and a file that is being read is never cut short.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from scribewire.errors import ModelFault

DIGESTS = "digests.json"
_SCRATCH = "making-"
_ABANDONED_S = 24 * 3600  # nothing takes a day to make: what is older was left by a crash

_TRIED_BYTES = 1 << 20
_ROOM_MB = 100  # what is made takes less, unless its maker says so

_HOMELESS = "there is no home folder"  # then the system's own folder is a relative path


def _tell_nobody(_: str) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCache:
    """Where prepared files are kept, and who is told about it."""

    directory: Path | None = None
    """None: the user's own cache folder, as the system names it."""
    on_progress: Callable[[str], None] = _tell_nobody
    """Told what takes time, before it does."""
    on_warning: Callable[[str], None] = _tell_nobody
    """Told what is wrong and can be mended, while the work goes on."""

    @property
    def root(self) -> Path:
        """Return the folder that the entries are in, or will be."""
        return self.directory or platformdirs.user_cache_path("scribewire")

    def why_not_writable(self) -> str | None:
        """Try to write into the folder, making it if need be; return what is wrong, if anything."""
        if not self.root.is_absolute():
            return _HOMELESS
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root) as file:
                file.write(bytes(_TRIED_BYTES))  # a full disk still lets one make empty files
                file.flush()
                return None
        except OSError as error:
            return _reason(error)

    @contextmanager
    def entry(
        self, key: str, make: Callable[[Path], None], *, doing: str, room_mb: int = _ROOM_MB
    ) -> Iterator[Path]:
        """Yield a folder with what `make` writes into the empty folder that it is given.

        `make` runs only when there is no sound entry under `key`; `doing` says what it does, and
        `room_mb` how much it writes at most.
        Read the files before leaving: where the cache cannot be written, they are temporary.
        Raises ModelFault when nothing can be written at all; what `make` raises passes.
        """
        root = self.root
        folder = root / key
        if _is_sound(folder):
            yield folder
            return
        if folder.exists():
            self.on_warning(f"cache {folder}: damaged; made anew")
        self.on_progress(doing)
        problem = _make_entry(root, folder, make)
        if problem is None:
            yield folder
            return
        self.on_warning(
            f"cache {root}: {problem}; {doing} at every start until it can be written "
            "(SCRIBEWIRE_CACHE_DIR names another folder)"
        )
        with _temporary_folder() as temporary:
            try:
                make(temporary)
            except OSError as error:
                places = f"cache {root}: {problem}; temporary folder {temporary}: {_reason(error)}"
                raise ModelFault(
                    f"prepared model files cannot be written: {places}; make room for {room_mb} MB "
                    "in one of them, or name other folders with SCRIBEWIRE_CACHE_DIR or TMPDIR"
                ) from error
            yield temporary


def _make_entry(root: Path, folder: Path, make: Callable[[Path], None]) -> str | None:
    """Make the entry; return why it could not be written, if so."""
    if not root.is_absolute():
        return _HOMELESS
    scratch: Path | None = None
    try:
        root.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(root)
        scratch = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=root))
        make(scratch)
        _write_digests(scratch)
        if not _is_sound(folder):  # else another process was faster
            _move_into_place(scratch, folder)
    except OSError as error:
        return _reason(error)
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
    return None


def _reason(error: OSError) -> str:
    return (error.strerror or "cannot be written").lower()


def _move_into_place(scratch: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    names = sorted(path.name for path in scratch.iterdir() if path.name != DIGESTS)
    for name in (*names, DIGESTS):
        _flush(scratch / name)
        (scratch / name).replace(folder / name)
    _flush(folder)


def _flush(path: Path) -> None:
    """Have the disk hold it, so that a power cut cannot leave a name without its contents."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_digests(folder: Path) -> None:
    digests = {path.name: _sha256(path) for path in sorted(folder.iterdir())}
    (folder / DIGESTS).write_text(json.dumps(digests, indent=1) + "\n", "utf-8")


def _is_sound(folder: Path) -> bool:
    try:
        digests = json.loads((folder / DIGESTS).read_text("utf-8"))
        return bool(digests) and all(
            _sha256(folder / name) == digest for name, digest in digests.items()
        )
    except (OSError, ValueError, AttributeError):
        return False


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _remove_abandoned(root: Path) -> None:
    for path in root.glob(f"{_SCRATCH}*"):
        with suppress(OSError):  # another process removes it too
            if path.stat().st_mtime < time.time() - _ABANDONED_S:
                shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    try:
        folder = tempfile.TemporaryDirectory(prefix="scribewire-", ignore_cleanup_errors=True)
    except OSError as error:
        raise ModelFault(
            f"no folder for prepared model files: {error}; make the cache folder or the "
            "temporary folder writable"
        ) from error
    with folder as name:
        yield Path(name)
