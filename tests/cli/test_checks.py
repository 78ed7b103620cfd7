from __future__ import annotations

import ssl
import sys
import tomllib
from pathlib import Path

import pytest

from scribewire.cli.checks import (
    Check,
    check_cache,
    check_certificates,
    check_cores,
    check_decoder,
    check_descriptors,
    check_isolation,
    check_journal,
    check_keys,
    check_libraries,
    check_python,
    check_speaker_models,
    check_variables,
)
from scribewire.models.cache import ModelCache
from scribewire.settings import Settings


def test_a_variable_that_was_mistyped_is_found_and_its_value_not_shown() -> None:
    check = check_variables({"SCRIBEWIRE_WORKERZ": "secret", "PATH": "/bin"})

    assert (check.name, check.status) == ("variables", "failed")
    assert "SCRIBEWIRE_WORKERZ: no such variable; did you mean SCRIBEWIRE_WORKERS?" in check.words
    assert "secret" not in check.words
    assert check_variables({"SCRIBEWIRE_WORKERS": "3"}).status == "ok"


def test_the_interpreter_is_named() -> None:
    check = check_python()

    assert (check.name, check.status) == ("python", "ok")
    assert "scribewire" in check.words


def test_the_models_that_tell_voices_apart_are_found(tmp_path: Path) -> None:
    check = check_speaker_models(Settings(), ModelCache(directory=tmp_path))

    assert (check.name, check.status) == ("speakers", "ok")


def test_without_them_the_server_does_less(tmp_path: Path) -> None:
    check = check_speaker_models(Settings(model_dir=tmp_path), ModelCache(directory=tmp_path))

    assert check.status == "warning"
    assert check.words.startswith("finals will name no speakers: ")


def test_a_speaker_model_that_was_asked_for_and_is_none_fails(tmp_path: Path) -> None:
    (tmp_path / "voices.onnx").write_bytes(b"no model")
    settings = Settings(speaker_model=tmp_path / "voices.onnx")

    check = check_speaker_models(settings, ModelCache(directory=tmp_path))

    assert check.status == "failed"
    assert check.words.endswith("check SCRIBEWIRE_SPEAKER_MODEL")


def test_a_cache_that_cannot_be_written_only_costs_time(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    good = check_cache(ModelCache(directory=tmp_path))
    bad = check_cache(ModelCache(directory=tmp_path / "file" / "cache"))

    assert (good.status, bad.status) == ("ok", "warning")
    assert "not a directory" in bad.words
    assert "SCRIBEWIRE_CACHE_DIR" in bad.words


def test_the_libraries_that_decode_are_named() -> None:
    assert check_libraries().words.startswith("PyAV ")


def test_what_cannot_be_loaded_is_told_with_the_version_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "scribewire.audio.ffmpeg", None)  # as a broken import is
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8")
    (requirement,) = (
        name for name in tomllib.loads(project)["project"]["dependencies"] if name.startswith("av>")
    )

    check = check_libraries()

    assert (check.name, check.status) == ("ffmpeg", "failed")
    assert check.words.endswith(f"pip install --force-reinstall '{requirement}'")


@pytest.mark.slow
async def test_a_decoder_process_is_started_and_decodes() -> None:
    decoder, isolation = await check_decoder()

    assert (decoder.name, decoder.status) == ("decoder", "ok")
    assert isolation.name == "isolation"
    assert isolation.status in {"ok", "warning"}  # as the kernel permits


@pytest.mark.slow
async def test_a_decoder_process_that_cannot_run_is_told_with_how_to_see_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))

    (check,) = await check_decoder()

    assert check.status == "failed"
    assert "No such file or directory" in check.words
    assert "-m scribewire.audio.decoder_process" in check.words


KERNELS = [
    # files below /proc/sys, system, what the words must hold
    ({}, "darwin", "darwin has no network namespaces"),
    ({}, "linux", "a seccomp profile that permits `unshare`"),
    ({"user/max_user_namespaces": "0"}, "linux", "sysctl -w user.max_user_namespaces"),
    ({"user/max_net_namespaces": "0"}, "linux", "user.max_net_namespaces is 0"),
    ({"kernel/unprivileged_userns_clone": "0"}, "linux", "unprivileged_userns_clone=1"),
    ({"kernel/unprivileged_userns_clone": "1"}, "linux", "seccomp"),
    ({"kernel/apparmor_restrict_unprivileged_userns": "1"}, "linux", "an AppArmor profile"),
]


@pytest.mark.parametrize(("files", "system", "words"), KERNELS)
def test_why_a_decoder_keeps_its_network_is_told_with_the_remedy(
    files: dict[str, str], system: str, words: str, tmp_path: Path
) -> None:
    for name, contents in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{contents}\n")

    check = check_isolation(is_isolated=False, kernel=tmp_path, system=system)

    assert check.status == "warning"
    assert words in check.words
    assert check_isolation(is_isolated=True).status == "ok"


def paths(cafile: str, capath: str) -> ssl.DefaultVerifyPaths:
    return ssl.DefaultVerifyPaths(cafile, capath, "", "", "", "")


def test_without_certificate_authorities_https_is_said_to_be_refused(tmp_path: Path) -> None:
    empty, full = tmp_path / "empty", tmp_path / "full"
    empty.mkdir()
    full.mkdir()
    (full / "a.pem").touch()

    found = [
        check_certificates(paths(*where)).status
        for where in (
            ("/a.pem", ""),
            ("", str(full)),
            ("", str(empty)),
            ("", str(tmp_path / "no")),
            ("", ""),
        )
    ]

    assert found == ["ok", "ok", "warning", "warning", "warning"]


def test_more_threads_than_cores_are_warned_of() -> None:
    assert check_cores(Settings(), 2).status == "ok"
    assert check_cores(Settings(workers=2), 2).status == "ok"
    check = check_cores(Settings(workers=3), 2)
    assert check.status == "warning"
    assert "SCRIBEWIRE_WORKERS is 3" in check.words


DESCRIPTORS = [
    ((1024, 4096), Check("descriptors", "ok", "4096 (now 1024)")),
    ((1024, -1), Check("descriptors", "ok", "no limit (now 1024)")),
]


@pytest.mark.parametrize(("limits", "check"), DESCRIPTORS)
def test_many_open_files_are_well(limits: tuple[int, int], check: Check) -> None:
    assert check_descriptors(limits) == check


def test_few_open_files_are_warned_of() -> None:
    check = check_descriptors((256, 256))

    assert check.status == "warning"
    assert "ulimit -Hn" in check.words
    assert check_descriptors().name == "descriptors"


KEYS = [
    ((), "ok", "`scribewire serve` makes one"),
    (("a" * 20, "b" * 20), "ok", "2 in SCRIBEWIRE_KEYS"),
    (("a" * 20, "b" * 19), "warning", "2 in SCRIBEWIRE_KEYS; 1 under 20 characters"),
    (("one", "sécret"), "failed", "1 of 2 in SCRIBEWIRE_KEYS"),
    (("my secret",), "failed", "visible ASCII"),
]


@pytest.mark.parametrize(("keys", "status", "words"), KEYS)
def test_keys_are_counted_and_never_shown(keys: tuple[str, ...], status: str, words: str) -> None:
    check = check_keys(keys)

    assert check.status == status
    assert words in check.words
    assert "cret" not in check.words


def test_a_database_of_keys_is_told_beside_keys_and_without() -> None:
    assert check_keys((), "the database k").words == (
        "those of the database k, which is not opened here"
    )
    assert check_keys(("one",), "the database k").words.startswith(
        "1 in SCRIBEWIRE_KEYS, and those of the database k"
    )


def test_where_sessions_are_written_down_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    none = check_journal(Settings())
    good = check_journal(Settings(journal=tmp_path / "var" / "journal", journal_days=7))
    bad = check_journal(Settings(journal=tmp_path / "file" / "journal"))

    assert (none.status, good.status, bad.status) == ("ok", "ok", "failed")
    assert good.words.endswith("journal, kept for 7 days")
    assert "the server does not start" in bad.words
    assert not (tmp_path / "var").exists()
