from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from scribewire.cli.app import main
from scribewire.cli.exits import ExitCode
from scribewire.engines.loader import load_engines
from scribewire.engines.on_demand import load_engine
from scribewire.testing.running import KEYS, run_server
from scribewire.testing.scripted import draw_pcm
from tests.parts.raw_origin import HANG, head, live, ok, run_raw_origin
from tests.parts.wav import FOREVER, wav

COMMAND = [sys.executable, "-m", "scribewire", "transcribe"]
WORDS = "Ever tried. Ever failed."


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SCRIBEWIRE_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def _prepared_models() -> None:
    """Prepare the models, so that no test is the first, which is told about it on stderr."""
    engines = load_engines()
    for engine in engines.table.default_engines:
        load_engine(engine)
    engines.close()


@pytest.fixture
def silence(tmp_path: Path) -> Path:
    path = tmp_path / "silence.wav"
    path.write_bytes(wav(bytes(64_000)))
    return path


def transcribe(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as caught:
        main(["transcribe", *arguments])
    return caught.value.code


USAGE = [
    # arguments, what the message must say
    (["RTSP://host/a"], "rtsp: URLs cannot be opened: expected http:// or https://"),
    (["https:///a.mp3", "--server", "ws://127.0.0.1:8000", "--key=k"], "the URL names no host"),
    (["http://host/a", "--allow-source", "10/8"], "--allow-source: address rule '10/8'"),
    (["http://host/a", "--deny-source", "a b"], "--deny-source: address rule 'a b'"),
    (["http://host/a", "--source-ca", "none.pem"], "--source-ca none.pem: No such file"),
    (["http://host/a", "--source-retry-ms", "-1"], "--source-retry-ms"),
    (
        ["http://host/a", "--server", "ws://127.0.0.1:8000", "--key=k", "--allow-source", "b"],
        "--allow-source: only for this process; with --server, give it to `scribewire serve`",
    ),
    (
        ["a.wav", "--server", "ws://127.0.0.1:8000", "--key=k", "--model", "nl=a", "--device=cpu"],
        "--model, --device: only for this process; with --server, give it to",
    ),
    (
        ["http://host/a", "--model", "nl"],
        "--model or SCRIBEWIRE_MODELS is ('nl',): it should be LA",
    ),
    (["a.wav", "--endpointing", "50"], "--endpointing 50: expected 100 to 5000 (milliseconds)"),
    (["a.wav", "--language", "english"], "--language"),
    (["a.wav", "--languages", "nl,dutch"], "--languages nl,dutch: expected ISO 639-1 codes"),
    (["a.wav", "--language", "nl", "--languages", "nl,en"], "--languages: not beside one"),
    (["a.wav", "--type", "best"], "--type"),
    (["a.wav", "--key", "k"], "--key: only with --server"),
    (["a.wav", "--partials"], "--partials: only with --format json"),
    (["a.wav", "--times", "--format", "srt"], "--times: only with --format text"),
    (["a.wav", "b.wav", "--format", "vtt"], "give --output FOLDER"),
    (
        ["http://host/a", "--server", "ws://127.0.0.1:8000", "--key=k", "--digits"],
        "--digits: not for a URL with --server",
    ),
    (["a.wav", "--format", "xml"], "--format"),
    (["a.wav", "--server", "127.0.0.1:8000", "--key=k"], "expected an address such as ws://"),
    (["a.wav", "--server", "ws://127.0.0.1:8000"], "needs a key: give --key or set SCRIBEWIRE_KEY"),
    (["radio.example/live.mp3"], "no such file; a URL begins with http:// or https://"),
    (["http:/radio.example/live.mp3"], "no such file; a URL begins with http:// or https://"),
    ([], "Missing argument"),
]


@pytest.mark.parametrize(("arguments", "message"), USAGE, ids=[" ".join(a) for a, _ in USAGE])
def test_a_wrong_call_is_a_usage_error_that_says_what_is_right(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = transcribe(*arguments)

    assert code == ExitCode.USAGE
    assert message in capsys.readouterr().err


def test_a_missing_file_fails_before_anything_is_loaded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert transcribe("missing.wav") == ExitCode.FAILED
    assert capsys.readouterr().err.startswith("scribewire: missing.wav: no such file")


def test_a_url_that_gives_nothing_fails_before_anything_is_loaded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]

    assert transcribe(f"http://user:word@127.0.0.1:{port}/a.mp3?key=1") == ExitCode.FAILED
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("scribewire: invalid stream: the server cannot be reached; ")


def test_a_setting_of_the_environment_that_is_wrong_is_a_usage_error(
    silence: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIBEWIRE_WORKERS", "none")

    assert transcribe(str(silence)) == ExitCode.USAGE


@pytest.mark.slow
@pytest.mark.usefixtures("_prepared_models")
def test_silence_gives_no_lines_and_says_so(
    silence: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert transcribe(str(silence)) == ExitCode.DONE
    assert capsys.readouterr() == ("", "no speech heard\n")


@pytest.mark.slow
@pytest.mark.usefixtures("_prepared_models")
def test_a_file_becomes_lines(beckett: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert transcribe(str(beckett)) == ExitCode.DONE

    out, err = capsys.readouterr()
    assert " ".join(out.splitlines()).startswith(WORDS)
    assert err == ""


@pytest.mark.slow
@pytest.mark.usefixtures("_prepared_models")
def test_json_is_the_finals_of_the_wire(beckett: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert transcribe(str(beckett), "--format", "json") == ExitCode.DONE

    messages = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert " ".join(message["text"] for message in messages).startswith(WORDS)
    assert {message["is_final"] for message in messages} == {True}


@pytest.mark.slow
@pytest.mark.usefixtures("_prepared_models")
def test_json_has_partials_when_they_are_asked_for(beckett: Path) -> None:
    command = [*COMMAND, "-", "--format", "json", "--partials", "--endpointing", "5000"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(beckett.read_bytes()[:400_000])
        process.stdin.flush()
        first = json.loads(process.stdout.readline())
        process.stdin.close()
        last = json.loads(process.stdout.read().splitlines()[-1])

    assert (first["is_final"], last["is_final"]) == (False, True)


@pytest.mark.slow
@pytest.mark.usefixtures("_prepared_models")
def test_a_pipe_of_a_wav_gives_what_the_file_gives(
    beckett: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    transcribe(str(beckett))

    piped = subprocess.run(
        [*COMMAND, "-"], input=beckett.read_bytes(), capture_output=True, check=False
    )

    assert piped.returncode == ExitCode.DONE
    assert piped.stdout.decode() == capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.usefixtures("_prepared_models")
def test_a_live_pipe_shows_finals_before_it_ends_and_ctrl_c_keeps_them(beckett: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(beckett.read_bytes())
        process.stdin.flush()
        first = process.stdout.readline().decode()

        process.send_signal(signal.SIGINT)
        rest, err = process.stdout.read().decode(), process.stderr.read() if process.stderr else b""

    assert (first + rest).replace("\n", " ").startswith(WORDS)
    assert (process.returncode, err) == (ExitCode.INTERRUPTED, b"")


@pytest.mark.slow
@pytest.mark.usefixtures("_prepared_models")
async def test_a_url_gives_what_the_file_gives(beckett: Path, beckett_pcm: bytes) -> None:
    async with run_raw_origin(ok(wav(beckett_pcm))) as media:
        pulled, read = await start(media.url("/talk.wav")), await start(str(beckett))
        told, expected = await asyncio.gather(pulled.communicate(), read.communicate())

    assert told == expected
    assert told[0].decode().replace("\n", " ").startswith(WORDS)
    assert pulled.returncode == ExitCode.DONE


@pytest.mark.slow
@pytest.mark.usefixtures("_prepared_models")
async def test_a_live_url_goes_on_until_ctrl_c_which_keeps_what_was_said(
    beckett_pcm: bytes,
) -> None:
    async with run_raw_origin((live(wav(beckett_pcm, size=FOREVER)), HANG)) as media:
        process = await start(media.url("/talk.wav"))
        assert process.stdout is not None
        first = await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, err = await process.communicate()

    assert (first + rest).decode().replace("\n", " ").startswith(WORDS)
    assert (process.returncode, err) == (ExitCode.INTERRUPTED, b"")


@pytest.mark.slow
@pytest.mark.usefixtures("_prepared_models")
async def test_a_server_pulls_a_url_for_the_command() -> None:
    words, fault = draw_pcm("." * 70 + "hello" * 3 + "." * 20), head("404 Not Found")
    async with (
        run_raw_origin(ok(wav(words)), fault) as media,
        run_server(None, named_source="http://127.0.0.1") as server,
    ):
        options = ("--server", server.address.url, "--key", KEYS[0])
        good = await start(media.url(), *options)
        heard = await good.communicate()
        bad = await start(media.url(), *options)
        _, told = await bad.communicate()

    assert (heard, good.returncode) == ((b"hellohellohello\n", b""), ExitCode.DONE)
    (line,) = told.decode().splitlines()
    assert line.startswith("scribewire: invalid stream: the server answered HTTP 404; ")
    assert bad.returncode == ExitCode.FAILED


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


@pytest.mark.slow
@pytest.mark.usefixtures("_prepared_models")
def test_a_reader_that_leaves_is_no_reason_to_complain(beckett: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)

    with os.fdopen(write_end, "wb") as closed:
        process = subprocess.run(
            [*COMMAND, str(beckett)], stdout=closed, stderr=subprocess.PIPE, check=False
        )

    assert (process.returncode, process.stderr) == (ExitCode.DONE, b"")
