"""Where the socket of an engine process is: in a folder that is its user's own."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from typing import TYPE_CHECKING, Final

from scribewire.errors import ServerFault

if TYPE_CHECKING:
    from pathlib import Path

MAX_PATH_BYTES: Final = 100  # the system's own limit is 103 or 107
_BACKLOG = 16
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def check_path(path: Path) -> None:
    """Raise ServerFault for a path that no socket can have."""
    if not hasattr(socket, "AF_UNIX"):
        raise ServerFault("an engine process needs Unix sockets, which this system has not")
    size = len(os.fsencode(path))
    if size > MAX_PATH_BYTES:
        raise ServerFault(f"socket {path}: {size} bytes; expected at most {MAX_PATH_BYTES}")


def listen_at(path: Path) -> socket.socket:
    """Return a socket that listens at `path`, for this user alone. Raises ServerFault.

    The folder is made if it is not there; one that others may enter is refused.
    """
    check_path(path)
    try:
        _own_folder(path.parent)
        _clear(path)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.bind(str(path))
            path.chmod(0o600)
            listening.listen(_BACKLOG)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise ServerFault(f"socket {path}: {error.strerror or error}") from error
    return listening


def _own_folder(folder: Path) -> None:
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700, parents=True)
    found = folder.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise ServerFault(f"{folder}: no folder; expected one for the socket alone")
    if found.st_uid != os.getuid() or found.st_mode & _OTHERS:
        raise ServerFault(
            f"{folder}: others may enter it; expected a folder of this user's own, as "
            f"`mkdir -m 700` makes it, for the socket alone"
        )


def _clear(path: Path) -> None:
    """Remove what a process has left that is no more."""
    try:
        is_socket = stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        return
    if not is_socket:
        raise ServerFault(f"{path}: there is something that is no socket; expected nothing")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        trial.settimeout(1.0)
        try:
            trial.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise ServerFault(f"socket {path}: another engine process is there")
