from __future__ import annotations

import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scribewire.errors import ServerFault
from scribewire.runtime.shared_engine.place import check_path, listen_at


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="se-") as name:
        yield Path(name)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folder_and_socket_are_for_this_user_alone(folder: Path) -> None:
    path = folder / "own" / "socket"

    with listen_at(path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))

        assert mode(path.parent) == 0o700
        assert mode(path) == 0o600


def test_a_folder_that_others_may_enter_is_refused(folder: Path) -> None:
    (folder / "shared").mkdir(mode=0o755)
    (folder / "shared").chmod(0o755)

    with pytest.raises(ServerFault, match=r"others may enter it; expected a folder .* -m 700"):
        listen_at(folder / "shared" / "socket")
    (folder / "file").touch()
    with pytest.raises(ServerFault, match="no folder"):
        listen_at(folder / "file" / "socket")


def test_what_a_dead_process_has_left_is_replaced(folder: Path) -> None:
    listen_at(folder / "socket").close()  # as when it was killed

    with listen_at(folder / "socket"), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(folder / "socket"))


def test_a_socket_that_another_listens_at_and_what_is_none_are_left_alone(folder: Path) -> None:
    with (
        listen_at(folder / "socket"),
        pytest.raises(ServerFault, match="another engine process is there"),
    ):
        listen_at(folder / "socket")
    (folder / "notes").write_text("mine")
    with pytest.raises(ServerFault, match="something that is no socket"):
        listen_at(folder / "notes")
    assert (folder / "notes").read_text() == "mine"


def test_a_path_that_no_system_takes_is_told(folder: Path) -> None:
    with pytest.raises(ServerFault, match="expected at most 100"):
        check_path(folder / ("x" * 100))
