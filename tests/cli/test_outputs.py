from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scribewire.cli.captions import TranscriptFormat
from scribewire.cli.exits import CommandFault, ExitCode
from scribewire.cli.outputs import FileOutput, format_of, place_outputs, standard_output


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        (None, "text"),
        ("a.txt", "text"),
        ("a.SRT", "srt"),
        ("b/a.vtt", "vtt"),
        ("a.json", "json"),
        ("out", "text"),
        ("a.docx", "text"),
    ],
)
def test_the_name_of_a_file_says_its_format(output: str | None, kind: TranscriptFormat) -> None:
    assert format_of(output) == kind


def test_one_input_goes_to_the_file_several_to_a_folder(tmp_path: Path) -> None:
    new, folder = str(tmp_path / "new"), str(tmp_path)
    url = "https://user:word@host.example/a%20b.mp3?key=1"

    assert place_outputs(["a.mp3", "b.mp3"], None, "text") == [None, None]
    assert place_outputs(["a.mp3"], "-", "text") == [None]
    assert place_outputs(["a.mp3"], "b.srt", "srt") == [Path("b.srt")]
    assert place_outputs(["x/a.mp3"], folder, "vtt") == [tmp_path / "a.vtt"]
    assert place_outputs(["x/a.mp3"], new + "/", "json") == [Path(new) / "a.json"]
    assert place_outputs(["a.mp3", url, "-"], new, "srt") == [
        Path(new) / "a.srt",
        Path(new) / "a b.srt",
        Path(new) / "stdin.srt",
    ]


def test_no_transcript_takes_the_place_of_another_or_of_an_input(tmp_path: Path) -> None:
    talk = tmp_path / "talk.txt"
    talk.write_text("not lost")

    for sources, output, words in (
        (["a/t.mp3", "b/t.mp4"], str(tmp_path), "a/t.mp3 and b/t.mp4 would both be written to"),
        (["a.mp3", "b.mp3"], str(talk), "several inputs need a folder"),
        ([str(talk)], str(tmp_path), "is an input, and is kept"),
        ([str(talk)], str(talk), "is an input, and is kept"),
    ):
        with pytest.raises(CommandFault, match=words) as caught:
            place_outputs(sources, output, "text")
        assert caught.value.code is ExitCode.USAGE


def test_a_file_takes_its_name_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"

    with FileOutput(path) as file:
        file.text.write("So it is.\n")
        assert not path.exists()
        file.keep()

    assert path.read_text() == "So it is.\n"
    assert list(path.parent.iterdir()) == [path]


def test_half_a_file_never_replaces_a_good_one(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("good")

    with FileOutput(path) as file:  # never kept, as when an exception passes by
        file.text.write("ha")

    assert file.has_part
    assert (path.read_text(), file.part.read_text()) == ("good", "ha")


def test_a_part_with_nothing_in_it_is_removed(tmp_path: Path) -> None:
    with FileOutput(tmp_path / "a.txt") as file:
        pass

    assert not file.has_part
    assert list(tmp_path.iterdir()) == []


def test_a_link_and_a_device_stay_what_they_are(tmp_path: Path) -> None:
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    link.symlink_to(real)

    for path in (link, Path("/dev/null")):
        with FileOutput(path) as file:
            file.text.write("new")
            file.keep()

    assert (link.is_symlink(), real.read_text()) == (True, "new")
    assert not Path("/dev/null").is_file()


def test_where_nothing_can_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(CommandFault, match=r"file/a\.txt: "), FileOutput(tmp_path / "file/a.txt"):
        pass
    with FileOutput(Path("/dev/full")) as full:
        full.text.write("So it is.")
        with pytest.raises(CommandFault, match="No space left"):
            full.keep()


def test_a_closed_standard_output_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)

    with pytest.raises(CommandFault, match="standard output is closed"):
        standard_output()
