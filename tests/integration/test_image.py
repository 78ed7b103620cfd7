"""The image: its recipe, as hadolint judges it, and the programs that start and check it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
from asyncio.subprocess import DEVNULL
from pathlib import Path
from typing import Final

import pytest

from scribewire.testing.running import RunningServer, run_server
from tests.parts.certificates import certify
from tests.parts.programs import find_free_port

ROOT: Final = Path(__file__).parents[2]
RECIPE: Final = ROOT / "deploy/Dockerfile"
IGNORED: Final = ROOT / "deploy/Dockerfile.dockerignore"

# What runs beside the tests: the stand-in for scribewire says what it was started with.
SCRIBEWIRE: Final = """\
#!/bin/sh
env | grep -E '^(SCRIBEWIRE_|PG)' | sort
printf '<%s>\\n' "$@"
"""


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^\s*#.*\n", "", RECIPE.read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [
        (name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines) if name
    ]


def the(name: str) -> list[str]:
    return [rest for instruction, rest in instructions() if instruction == name]


@pytest.mark.slow  # a program of 20 MB
def test_hadolint_finds_nothing_in_the_recipe() -> None:
    command = [str(Path(sys.executable).with_name("hadolint")), "--format", "json", str(RECIPE)]

    done = subprocess.run(command, check=False, capture_output=True, text=True)

    assert json.loads(done.stdout) == []


def test_the_base_is_pinned_and_what_is_installed_is_checked_by_hash() -> None:
    bases = [rest.split()[0] for rest in the("FROM")]
    installs = [one for rest in the("RUN") for one in rest.split("&&") if " pip install " in one]
    locks = [one for one in installs if " -r " in one]

    assert len(set(bases)) == 1  # one Python: the environment of one stage runs in the other
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", bases[0])
    assert all("--require-hashes --only-binary :all:" in one for one in locks)
    assert len(locks) == 5
    assert all("--no-index" in one for one in installs if one not in locks)


def test_the_image_for_cuda_has_the_same_onnxruntime_and_finds_its_libraries() -> None:
    pins = {
        name: re.search(r"^onnxruntime(?:-gpu)?==(\S+)", text, re.MULTILINE)
        for name in ("runtime", "cuda")
        for text in [(ROOT / f"requirements/{name}.txt").read_text()]
    }
    base = re.match(r"python:(3\.\d+)", the("FROM")[0])
    arguments = dict(rest.split("=") for rest in the("ARG"))

    assert base is not None
    assert pins["runtime"] is not None
    assert pins["cuda"] is not None
    assert pins["runtime"][1] == pins["cuda"][1]
    assert arguments["ACCELERATOR"] == "cpu"  # nobody gets 3 GB who has not asked for them
    assert f"/python{base[1]}/" in arguments["SITE"]


def test_it_runs_without_rights_and_is_checked_without_curl() -> None:
    (user,) = the("USER")
    (check,) = the("HEALTHCHECK")
    writable = json.loads(the("VOLUME")[0])

    assert user == "10001:10001"
    assert '"python", "/opt/scribewire/healthcheck.py"' in check
    (made,) = [rest for rest in the("RUN") if "useradd" in rest]
    assert shlex.split(made)[-len(writable) :] == writable


def test_what_it_copies_is_there_and_the_rest_stays_outside() -> None:
    copied = [one.split() for one in the("COPY") if not one.startswith("--from")]
    sources = {source for words in copied for source in words[:-1]}
    lines = [line for line in IGNORED.read_text().splitlines() if not line.startswith("#")]

    assert all((ROOT / source).exists() for source in sources)
    assert lines[0] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == sources
    locks = re.findall(r"requirements/([\w-]+)\.txt", RECIPE.read_text())
    assert all((ROOT / f"requirements/{name}.txt").is_file() for name in locks)


def test_secrets_come_from_files_and_reach_the_program_alone(tmp_path: Path) -> None:
    program = tmp_path / "scribewire"
    program.write_text(SCRIBEWIRE)
    program.chmod(0o755)
    for name, text in {"word": "p$ss' \"word\n", "secret": "long\n", "other": "no"}.items():
        (tmp_path / name).write_text(text)

    done = subprocess.run(
        [str(ROOT / "deploy/entrypoint"), "keys", "create", "two words"],
        env={
            "PATH": f"{tmp_path}:{os.defpath}",
            "PGPASSWORD_FILE": str(tmp_path / "word"),
            "SCRIBEWIRE_TOKEN_SECRET_FILE": str(tmp_path / "secret"),
            "OTHER_FILE": str(tmp_path / "other"),
            "SCRIBEWIRE_PORT": "8000",
        },
        check=True,
        capture_output=True,
        text=True,
    )

    assert done.stdout == (
        "PGPASSWORD=p$ss' \"word\n"
        "SCRIBEWIRE_PORT=8000\n"
        "SCRIBEWIRE_TOKEN_SECRET=long\n"
        "<keys>\n<create>\n<two words>\n"
    )


def test_a_secret_that_is_missing_keeps_it_from_starting() -> None:
    done = subprocess.run(
        [str(ROOT / "deploy/entrypoint"), "serve"],
        env={"PATH": os.defpath, "PGPASSWORD_FILE": "/nowhere"},
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode != 0
    assert "/nowhere" in done.stderr


async def check_health(port: int, **environment: str) -> int:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "scripts/healthcheck.py")),
        env={**os.environ, "SCRIBEWIRE_PORT": str(port), **environment},
        stderr=DEVNULL,
    )
    return await process.wait()


@pytest.mark.slow  # starts Python four times
async def test_the_check_tells_a_server_that_answers_from_one_that_does_not(
    server: RunningServer, tmp_path: Path
) -> None:
    certificate = tmp_path / "server.pem"
    own = certify("stt.example")
    certificate.write_bytes(own.key_pem + own.pem)

    async with run_server(tls_cert=certificate) as secure:
        found = [
            await check_health(server.address.port),
            await check_health(find_free_port()),
            await check_health(secure.address.port, SCRIBEWIRE_TLS_CERT=str(certificate)),
            await check_health(secure.address.port),
        ]

    assert found == [0, 1, 0, 1]
