from __future__ import annotations

import errno
import os
import resource
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scribewire.errors import ModelFault
from scribewire.models.cache import DIGESTS, ModelCache

DOING = "making bread"
FILES = {"crumb": b"soft", "crust": b"hard"}


class Baker:
    """Makes the same two files each time, and counts."""

    def __init__(self) -> None:
        self.runs = 0
        self.told: list[str] = []
        self.warned: list[str] = []

    def make(self, folder: Path) -> None:
        self.runs += 1
        for name, contents in FILES.items():
            (folder / name).write_bytes(contents)

    def bake(self, directory: Path | None, key: str = "bread-1") -> dict[str, bytes]:
        """Return the files of the entry as they are inside the context."""
        cache = ModelCache(
            directory=directory, on_progress=self.told.append, on_warning=self.warned.append
        )
        with cache.entry(key, self.make, doing=DOING) as folder:
            return {name: (folder / name).read_bytes() for name in FILES}


@pytest.fixture
def baker() -> Baker:
    return Baker()


def test_an_entry_is_made_once_and_then_found(baker: Baker, tmp_path: Path) -> None:
    assert [baker.bake(tmp_path), baker.bake(tmp_path)] == [FILES, FILES]

    assert (baker.runs, baker.told, baker.warned) == (1, [DOING], [])
    assert [path.name for path in tmp_path.iterdir()] == ["bread-1"]


def test_another_key_is_another_entry(baker: Baker, tmp_path: Path) -> None:
    baker.bake(tmp_path, "bread-1")
    baker.bake(tmp_path, "bread-2")

    assert baker.runs == 2


def test_a_cache_folder_that_is_not_there_is_made(baker: Baker, tmp_path: Path) -> None:
    assert baker.bake(tmp_path / "deep" / "down") == FILES
    assert (tmp_path / "deep" / "down" / "bread-1" / "crumb").is_file()


def test_the_users_own_cache_folder_is_the_default(
    baker: Baker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert baker.bake(None) == FILES
    assert len(list(tmp_path.rglob("crumb"))) == 1


@pytest.mark.parametrize(
    ("name", "contents"),
    [
        ("crumb", b"sofa"),
        ("crumb", b"sof"),
        ("crumb", None),
        (DIGESTS, None),
        (DIGESTS, b""),
        (DIGESTS, b"{}"),
        (DIGESTS, b'["crumb"]'),
        (DIGESTS, b'{"crumb": 7}'),
        (DIGESTS, b"\xff"),
    ],
)
def test_a_damaged_entry_is_found_out_and_made_anew(
    name: str, contents: bytes | None, baker: Baker, tmp_path: Path
) -> None:
    baker.bake(tmp_path)
    damaged = tmp_path / "bread-1" / name
    if contents is None:
        damaged.unlink()
    else:
        damaged.write_bytes(contents)

    assert [baker.bake(tmp_path), baker.bake(tmp_path)] == [FILES, FILES]

    assert baker.runs == 2
    assert baker.warned == [f"cache {tmp_path}/bread-1: damaged; made anew"]


def test_a_maker_that_was_interrupted_leaves_no_entry(baker: Baker, tmp_path: Path) -> None:
    def stop(folder: Path) -> None:
        baker.make(folder)
        raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        ModelCache(directory=tmp_path).entry("bread-1", stop, doing=DOING),
    ):
        pass

    assert list(tmp_path.iterdir()) == []


def test_a_fault_of_the_maker_passes(tmp_path: Path) -> None:
    def refuse(_: Path) -> None:
        raise ModelFault("no flour")

    with (
        pytest.raises(ModelFault, match="no flour"),
        ModelCache(directory=tmp_path).entry("bread-1", refuse, doing=DOING),
    ):
        pass

    assert list(tmp_path.iterdir()) == []


def test_two_that_start_at_once_both_succeed(tmp_path: Path) -> None:
    both_are_making = threading.Barrier(2, timeout=10)

    class SlowBaker(Baker):
        def make(self, folder: Path) -> None:
            both_are_making.wait()
            super().make(folder)

    bakers = [SlowBaker(), SlowBaker()]

    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda baker: baker.bake(tmp_path), bakers))

    assert found == [FILES, FILES]
    assert [baker.warned for baker in bakers] == [[], []]
    assert [path.name for path in tmp_path.iterdir()] == ["bread-1"]
    assert Baker().bake(tmp_path) == FILES


def test_the_one_that_comes_second_leaves_the_entry_alone(baker: Baker, tmp_path: Path) -> None:
    before: list[int] = []

    def be_overtaken(folder: Path) -> None:
        baker.make(folder)
        Baker().bake(tmp_path)
        before.append((tmp_path / "bread-1" / "crumb").stat().st_ino)

    with ModelCache(directory=tmp_path).entry("bread-1", be_overtaken, doing=DOING) as folder:
        assert (folder / "crumb").stat().st_ino == before[0]


def test_a_cache_that_cannot_be_written_is_done_without(baker: Baker, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    root = tmp_path / "file" / "cache"
    cache = ModelCache(directory=root, on_warning=baker.warned.append)

    with cache.entry("bread-1", baker.make, doing=DOING) as folder:
        assert (folder / "crust").read_bytes() == b"hard"

    assert not folder.exists()
    (warning,) = baker.warned
    assert warning == (
        f"cache {root}: not a directory; making bread at every start until it can be written "
        "(SCRIBEWIRE_CACHE_DIR names another folder)"
    )


@pytest.mark.parametrize(
    ("folder", "reason"),
    [("new/cache", None), ("file/cache", "not a directory"), ("~", "there is no home folder")],
)
def test_whether_a_cache_can_be_written_is_known_before_it_is_needed(
    folder: str, reason: str | None, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    cache = ModelCache(directory=Path(folder) if folder == "~" else tmp_path / folder)

    assert cache.why_not_writable() == reason
    assert {path.name for path in tmp_path.rglob("*")} == (
        {"file"} if reason else {"file", "new", "cache"}
    )


def test_without_a_home_folder_nothing_is_written_where_we_stand(
    baker: Baker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert baker.bake(Path("~/.cache")) == FILES

    assert list(tmp_path.iterdir()) == []
    assert "there is no home folder" in baker.warned[0]


def test_with_no_room_anywhere_it_is_a_model_fault(
    baker: Baker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))

    with pytest.raises(ModelFault, match="make the cache folder or the temporary folder writable"):
        baker.bake(tmp_path / "file" / "cache")


def test_what_a_crash_left_is_swept_up_after_a_day(baker: Baker, tmp_path: Path) -> None:
    old, young = tmp_path / "making-old", tmp_path / "making-young"
    for folder in (old, young):
        folder.mkdir()
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(old, (two_days_ago, two_days_ago))

    baker.bake(tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["bread-1", "making-young"]


def test_where_nothing_can_be_written_each_place_is_named(tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        (folder / "crumb").write_bytes(b"soft")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with (
        pytest.raises(ModelFault, match="cannot be written") as raised,
        ModelCache(directory=tmp_path).entry("bread", make, doing=DOING),
    ):
        pass

    words = str(raised.value)
    assert f"cache {tmp_path}: no space left on device" in words
    assert f"temporary folder {tempfile.gettempdir()}" in words


def test_a_cache_that_takes_only_empty_files_cannot_be_written(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        reason = ModelCache(directory=tmp_path).why_not_writable()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert reason == "file too large"
