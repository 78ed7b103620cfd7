from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO

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
SILENCE = wav(bytes(64_000))
BEFORE_ITS_END = 400_000  # bytes of the recording


def own_names() -> list[str]:
    """Return the variables that would be settings of the command."""
    return [name for name in os.environ if name.startswith("SCRIBEWIRE_")]


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
    path.write_bytes(SILENCE)
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


@dataclass(frozen=True)
class Told:
    """What a command has written, and the code it ended with."""

    output: str
    log: str
    code: int | None

    @property
    def words(self) -> str:
        return self.output.replace("\n", " ")


async def run(*arguments: str, given: bytes | None = None) -> Told:
    """Run the command to its end; `given` is what is piped into it."""
    process = await start(*arguments)
    output, log = await process.communicate(given)
    return Told(output.decode(), log.decode(), process.returncode)


async def run_without_a_reader(*arguments: str) -> Told:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "wb") as closed:
        process = await start(*arguments, output=closed)
        _, log = await process.communicate()
    return Told("", log.decode(), process.returncode)


async def run_all(silence: str, beckett: str, pcm: bytes) -> dict[str, Told]:
    async with run_raw_origin(ok(wav(pcm))) as media:
        ways = {
            "silence": run(silence),
            "file, URL and pipe": run(beckett, media.url("/talk.wav"), "-", given=wav(pcm)),
            "json": run(beckett, "--format", "json"),
            "no reader": run_without_a_reader(beckett),
        }
        return dict(zip(ways, await asyncio.gather(*ways.values()), strict=True))


@pytest.fixture(scope="module")
def told(
    beckett: Path,
    beckett_pcm: bytes,
    _prepared_models: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Told]:
    """What each way to run it tells. They run at once: most of each is loading the models."""
    path = tmp_path_factory.mktemp("silence") / "silence.wav"
    path.write_bytes(SILENCE)
    return asyncio.run(run_all(str(path), str(beckett), beckett_pcm))


@pytest.mark.slow
def test_silence_gives_no_lines_and_says_so(told: dict[str, Told]) -> None:
    assert told["silence"] == Told("", "no speech heard\n", ExitCode.DONE)


@pytest.mark.slow
def test_a_file_becomes_lines_and_a_url_and_a_pipe_of_it_the_same(told: dict[str, Told]) -> None:
    several = told["file, URL and pipe"]
    of_file, of_url, of_pipe = re.split(r"^==> .* <==\n", several.output, flags=re.MULTILINE)[1:]

    assert of_file.replace("\n", " ").startswith(WORDS)
    assert of_file == of_url == f"{of_pipe}\n"
    assert (several.log, several.code) == ("", ExitCode.DONE)


@pytest.mark.slow
def test_a_reader_that_leaves_is_no_reason_to_complain(told: dict[str, Told]) -> None:
    assert told["no reader"] == Told("", "", ExitCode.DONE)


@pytest.mark.slow
def test_json_is_the_finals_of_the_wire(told: dict[str, Told]) -> None:
    messages = [json.loads(line) for line in told["json"].output.splitlines()]

    assert " ".join(message["text"] for message in messages).startswith(WORDS)
    assert {message["is_final"] for message in messages} == {True}
    assert told["json"].code == ExitCode.DONE


@pytest.mark.slow
@pytest.mark.usefixtures("_prepared_models")
async def test_json_has_partials_when_they_are_asked_for(beckett_pcm: bytes) -> None:
    process = await start("-", "--format", "json", "--partials", "--endpointing", "5000")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(wav(beckett_pcm)[:BEFORE_ITS_END])
    first = json.loads(await process.stdout.readline())
    process.stdin.close()
    rest, _ = await process.communicate()

    assert (first["is_final"], json.loads(rest.splitlines()[-1])["is_final"]) == (False, True)


async def interrupt(process: asyncio.subprocess.Process, given: bytes = b"") -> Told:
    """Send Ctrl-C once it has written a line, while its standard input is open."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(given)
    first = await process.stdout.readline()
    process.send_signal(signal.SIGINT)
    rest, log = await process.communicate()
    return Told((first + rest).decode(), log.decode(), process.returncode)


@pytest.mark.slow
@pytest.mark.usefixtures("_prepared_models")
async def test_what_is_live_shows_finals_before_it_ends_and_ctrl_c_keeps_them(
    beckett_pcm: bytes,
) -> None:
    async with run_raw_origin((live(wav(beckett_pcm, size=FOREVER)), HANG)) as media:
        piped, pulled = await start("-"), await start(media.url("/talk.wav"))
        both = await asyncio.gather(interrupt(piped, wav(beckett_pcm)), interrupt(pulled))

    for told in both:
        assert told.words.startswith(WORDS)
        assert (told.log, told.code) == ("", ExitCode.INTERRUPTED)


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


async def start(
    *arguments: str, output: int | IO[bytes] = subprocess.PIPE
) -> asyncio.subprocess.Process:
    environment = {name: value for name, value in os.environ.items() if name not in own_names()}
    return await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.PIPE,
        env=environment,
    )
