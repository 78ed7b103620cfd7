from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scribewire.cli.exits import ExitCode
from scribewire.cli.serve import announce, run_server
from scribewire.errors import ModelFault
from scribewire.server.address import Address
from scribewire.settings import Settings

LOCAL = Address("127.0.0.1", 8000)


def test_the_address_is_announced_alone_when_the_keys_are_known() -> None:
    assert announce(LOCAL, None, has_page=False) == "listening: ws://127.0.0.1:8000"


def test_a_made_key_is_announced_with_the_page_and_a_command_to_copy() -> None:
    assert announce(LOCAL, "k3y", has_page=True).splitlines() == [
        "listening: ws://127.0.0.1:8000",
        "key: k3y",
        "try: scribewire transcribe mic --server ws://127.0.0.1:8000 --key KEY",
        "page: http://127.0.0.1:8000/",
    ]


@pytest.mark.parametrize(
    ("host", "reachable"),
    [("0.0.0.0", "ws://127.0.0.1:8000"), ("::", "ws://[::1]:8000")],  # noqa: S104 - a name, nothing is bound
)
def test_page_and_command_to_copy_name_an_address_that_can_be_reached(
    host: str, reachable: str
) -> None:
    _, _, command, page = announce(Address(host, 8000), "k3y", has_page=True).splitlines()

    assert page == f"page: {reachable.replace('ws', 'http')}/"
    assert f"--server {reachable} " in command


def test_a_missing_model_is_a_fault_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelFault, match=r"encoder_model\.ort: no such file.*; copy it from"):
        run_server(Settings(port=0, model_dir=tmp_path))


def test_a_folder_without_a_model_is_a_fault_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ModelFault, match=r"Whisper model .*: is no folder; give one that holds"):
        run_server(Settings(port=0, models=(f"nl={tmp_path / 'none'}",)))


@pytest.mark.slow
def test_as_json_the_log_says_too_why_there_is_no_server(tmp_path: Path) -> None:
    command = [*SERVE, "--model-dir", str(tmp_path), "--log-format", "json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)

    *_, last = [json.loads(line) for line in ended.stderr.splitlines()]
    assert (last["event"], last["level"]) == ("cannot_serve", "critical")
    assert "encoder_model.ort: no such file" in last["reason"]
    assert ended.returncode == ExitCode.FAILED


SERVE = [sys.executable, "-m", "scribewire", "serve", "--port", "0"]


@pytest.mark.slow
async def test_a_server_that_cannot_tell_its_address_ends_with_words() -> None:
    words = {
        (">&-", "text"): "scribewire: standard output: Bad file descriptor; ",
        ("| true", "json"): '"reason": "standard output: Broken pipe; ',
    }

    said = await asyncio.gather(*(serve_redirected(*how) for how in words))

    for log, told in zip(said, words.values(), strict=True):
        assert told in log
        assert "ended with 1\n" in log
        assert "Traceback" not in log
        assert "Exception ignored" not in log


async def serve_redirected(redirection: str, log_format: str) -> str:
    program = f'{{ "$@"; echo "ended with $?" >&2; }} {redirection}'
    process = await asyncio.create_subprocess_exec(
        *["sh", "-c", program, "sh", *SERVE, "--log-format", log_format],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    _, log = await process.communicate()
    return log.decode()


@pytest.mark.slow
def test_an_address_may_be_written_as_in_a_url() -> None:
    with subprocess.Popen(
        [*SERVE, "--host", "[::1]"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        told = server.stdout.readline()
        server.send_signal(signal.SIGTERM)
        _, log = server.communicate(timeout=20)

    assert re.fullmatch(r"listening: ws://\[::1\]:\d+\n", told), log
    assert server.returncode == ExitCode.DONE


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (["--host", ""], "0.0.0.0 for every network", ExitCode.USAGE),
        (["--host", "[]"], "0.0.0.0 for every network", ExitCode.USAGE),
    ],
)
def test_a_host_that_is_none_is_refused_with_words(
    arguments: list[str], words: str, code: ExitCode
) -> None:
    ended = subprocess.run(
        [*SERVE, *arguments], capture_output=True, text=True, timeout=60, check=False
    )

    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.returncode == code


@pytest.mark.slow
def test_a_server_tells_its_key_and_address_and_ends_with_sigterm() -> None:
    with subprocess.Popen(
        SERVE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        told = [server.stdout.readline() for _ in range(4)]
        server.send_signal(signal.SIGTERM)
        rest, log = server.communicate(timeout=20)

    assert re.fullmatch(r"listening: ws://127\.0\.0\.1:\d+\n", told[0])
    assert re.fullmatch(r"key: \S{32}\n", told[1])
    assert told[2].startswith("try: scribewire transcribe ")
    assert told[3] == told[0].replace("listening: ws", "page: http").replace("\n", "/\n")
    assert (rest, server.returncode) == ("", ExitCode.DONE)
    key = told[1].split()[1]
    assert key not in log
    assert all(re.match(r"\d\d:\d\d:\d\d\.\d{3} INFO ", line) for line in log.splitlines())
