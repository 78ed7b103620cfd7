from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from scribewire import __version__
from scribewire.cli.app import main
from scribewire.cli.exits import ExitCode
from scribewire.testing.running import run_server
from tests.parts.programs import find_free_port, wait_until

if TYPE_CHECKING:
    from tests.parts.nats_server import NatsServer


async def status(*options: str) -> tuple[int | None, str, str]:
    """Run `scribewire cluster status`; return its exit code and what it prints on both."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scribewire", "cluster", "status", *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.mark.slow
async def test_the_servers_that_are_there_are_listed(nats: NatsServer) -> None:
    async with (
        run_server(cluster=(nats.url,), max_sessions=3) as server,
        run_server(cluster=(nats.url,), max_sessions=3) as other,
        other.dial(),
    ):
        assert server.services.cluster is not None
        servers = server.services.cluster.servers

        async def are_known() -> bool:
            return sorted(told.room for told in servers.present.values()) == [2, 3]

        await wait_until(are_known, what=lambda: f"{servers.present}")
        code, out, err = await status("--cluster", nats.url)
        _, as_json, _ = await status("--cluster", nats.url, "--format", "json")

    assert (code, err) == (ExitCode.DONE, "")
    head, *lines = out.splitlines()
    assert head.split() == ["SERVER", "STATE", "SESSIONS", "ROOM", "VERSION", "LANGUAGES", "MODELS"]
    told = {tuple(line.split()[1:]) for line in lines}
    assert told == {
        ("ready", "0", "3", __version__, "en", "ScriptedEngine"),
        ("ready", "1", "2", __version__, "en", "ScriptedEngine"),
    }
    described = json.loads(as_json)["servers"]
    assert [one["id"] for one in described] == [line.split()[0] for line in lines]
    assert {(one["state"], one["sessions"], one["room"]) for one in described} == {
        ("ready", 0, 3),
        ("ready", 1, 2),
    }


@pytest.mark.slow
async def test_a_nats_that_does_not_answer_is_told_without_its_secret() -> None:
    port = find_free_port()

    code, out, err = await status("--cluster", f"nats://planted@127.0.0.1:{port}")

    assert (code, out) == (ExitCode.UNREACHABLE, "")
    assert f"NATS at 127.0.0.1:{port}: nobody listens there" in err
    assert "planted" not in err


def test_which_cluster_has_to_be_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SCRIBEWIRE_CLUSTER", raising=False)
    with pytest.raises(SystemExit) as ended:
        main(["cluster", "status"])

    assert ended.value.code == ExitCode.USAGE
    assert re.search(r"--cluster or SCRIBEWIRE_CLUSTER", capsys.readouterr().err)
